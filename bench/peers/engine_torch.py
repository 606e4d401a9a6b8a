"""PyTorch's side. Runs under whichever interpreter has torch (see `run`); needs numpy and torch alone.

PyTorch pads symmetrically only, so it is given the mirrored net and the mirrored image (net.mirrored), which
costs it nothing. The module is traced, frozen and optimised for inference.
"""

import json

import numpy as np

import net


class PyTorch:
    settings = "traced, frozen, optimize_for_inference (oneDNN layouts), inference mode, denormals flushed"

    def __init__(self, stem, threads, batch):
        import torch
        self.torch, self.version = torch, torch.__version__.split("+")[0]
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        torch.set_flush_denormal(True)
        with open(stem + ".json") as f:
            spec = net.Spec(**json.load(f))
        layers = net.mirrored(net.with_weights(spec, net.read_safetensors(stem + ".safetensors")))
        module = self.module(layers).eval()
        example = torch.zeros(batch, 3, spec.size, spec.size)
        with torch.inference_mode():
            traced = torch.jit.trace(module, example)
            self.model = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
            self.model(example)
            self.model(example)  # the profiling executor settles on its second run

    def module(self, layers):
        nn, torch = self.torch.nn, self.torch
        modules = []
        for l in layers:
            if l.op in ("conv", "depthwise"):
                groups = l.in_channels if l.op == "depthwise" else 1
                conv = nn.Conv2d(l.in_channels, l.out_channels, l.kernel, l.stride, l.pad[0], groups=groups)
                order = l.weight.transpose(2, 0, 1)[:, None] if groups > 1 else l.weight.transpose(0, 3, 1, 2)
                self.fill(conv, order, l.bias)
                modules += [conv] + ([nn.ReLU6()] if l.relu6 else [])
            elif l.op == "pool":
                modules += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            elif l.op == "classifier":
                linear = nn.Linear(l.in_channels, l.out_channels)
                self.fill(linear, l.weight, l.bias)
                modules.append(linear)
            else:
                modules.append(nn.Softmax(dim=1))
        return nn.Sequential(*modules)

    def fill(self, module, weight, bias):
        with self.torch.no_grad():
            module.weight.copy_(self.torch.from_numpy(np.ascontiguousarray(weight)))
            module.bias.copy_(self.torch.from_numpy(np.ascontiguousarray(bias)))

    def set_input(self, x):
        mirrored = x[:, ::-1, ::-1, :].transpose(0, 3, 1, 2).copy()
        self.x = self.torch.from_numpy(mirrored)

    def run(self):
        with self.torch.inference_mode():
            self.y = self.model(self.x)

    def output(self):
        return self.y.numpy()
