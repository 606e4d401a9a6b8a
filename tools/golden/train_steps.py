#!/usr/bin/env python3
"""Ten training steps in PyTorch: losses and gradients that tests/train/test_golden.c compares with.

    python3 tools/golden/train_steps.py tests/train/golden

Made with PyTorch 1.13.1 (Debian 12's python3-torch). Weights, images, labels and teacher are functions of their
index (`noise`), all in float64, so that only results are stored: for each case a file of float32, little-endian: ten losses, then
for steps 0, 4 and 9 the gradient of every trainable tensor in the order and layout of the model's tensors.
"""
import sys
import numpy as np
import torch
import torch.nn.functional as F

STEPS, BATCH, SIZE, CLASSES = 10, 8, 24, 5
WIDTHS = [5, 8, 9, 12, 12, 16, 17, 12, 10, 12, 9, 12, 20, 18]
STRIDES = [1, 1, 1, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]  # output stride 8
SHALLOW = [0, 1, 2, 3, 4, 5, 6, 12, 13]  # without the five equal blocks


def noise(stream, count):
    """Uniform in [-1, 1): a 32-bit hash of the index."""
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(stream) * np.uint32(40503)
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x45D9F3B)
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x45D9F3B)
        x ^= x >> np.uint32(16)
    return ((x >> np.uint32(8)).astype(np.float64) / 2**23 - 1).astype(np.float32)


class Net:
    """The net as a list of layers with leaf tensors in our layouts."""

    def __init__(self, separable, same, top):
        self.same, self.top, self.layers, self.tensors = same, top, [], []
        self.add("conv", 3, WIDTHS[0], STRIDES[0])
        before = WIDTHS[0]
        for i in SHALLOW[1:] if separable else range(1, 14):
            if separable:
                self.add("dw", before, before, STRIDES[i])
                self.add("pw", before, WIDTHS[i], 1)
            else:
                self.add("conv", before, WIDTHS[i], STRIDES[i])
            before = WIDTHS[i]
        self.fc = (self.leaf((CLASSES, WIDTHS[13]), WIDTHS[13]), self.leaf((CLASSES,), 100))

    def leaf(self, shape, fan):
        values = noise(100 + len(self.tensors), int(np.prod(shape))).astype(np.float64) * (6.0 / fan) ** 0.5
        t = torch.tensor(values.astype(np.float32).reshape(shape), requires_grad=True, dtype=torch.float64)
        self.tensors.append(t)
        return t

    def add(self, kind, ic, oc, stride):
        if kind == "conv":
            w = self.leaf((oc, 3, 3, ic), 9 * ic)
        elif kind == "dw":
            w = self.leaf((3, 3, oc), 9)
        else:
            w = self.leaf((oc, ic), ic)
        gamma = torch.tensor(1 + 0.25 * noise(100 + len(self.tensors), oc), requires_grad=True, dtype=torch.float64)
        self.tensors.append(gamma)
        beta = torch.tensor(0.25 * noise(100 + len(self.tensors), oc), requires_grad=True, dtype=torch.float64)
        self.tensors.append(beta)
        self.layers.append((kind, stride, w, gamma, beta))

    def pad(self, x, stride):
        if not self.same:
            return F.pad(x, (1, 1, 1, 1))
        pads = []
        for n in (x.shape[3], x.shape[2]):
            total = max(((n + stride - 1) // stride - 1) * stride + 3 - n, 0)
            pads += [total // 2, total - total // 2]
        return F.pad(x, pads)

    def forward(self, x):
        for kind, stride, w, gamma, beta in self.layers:
            if kind == "conv":
                x = F.conv2d(self.pad(x, stride), w.permute(0, 3, 1, 2), stride=stride)
            elif kind == "dw":
                c = w.shape[2]
                x = F.conv2d(self.pad(x, stride), w.permute(2, 0, 1).reshape(c, 1, 3, 3), stride=stride, groups=c)
            else:
                x = F.conv2d(x, w[:, :, None, None])
            x = F.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-3)
            x = torch.clamp(x, 0, self.top)
        return F.linear(x.mean((2, 3)), self.fc[0], self.fc[1])


def run(case, separable, same, top, optimiser, smoothing, distil):
    net = Net(separable, same, top)
    optim = optimiser(net.tensors)
    losses, gradients = [], []
    for step in range(STEPS):
        x = torch.tensor(noise(1000 + step, BATCH * SIZE * SIZE * 3).reshape(BATCH, SIZE, SIZE, 3)).double().permute(0, 3, 1, 2)
        label = torch.tensor(((noise(2000 + step, BATCH) + 1) * 0.5 * CLASSES).astype(np.int64))
        logits = net.forward(x)
        loss = F.cross_entropy(logits, label, label_smoothing=smoothing)
        if distil:
            teacher = torch.tensor(3 * noise(3000 + step, BATCH * CLASSES).reshape(BATCH, CLASSES)).double()
            kl = F.kl_div(F.log_softmax(logits / 2, 1), F.softmax(teacher / 2, 1), reduction="batchmean")
            loss = 0.25 * loss + 0.75 * 4 * kl
        optim.zero_grad()
        loss.backward()
        losses.append(loss.item())
        if step in (0, 4, 9):
            gradients += [t.grad.numpy().astype(np.float64).ravel() for t in net.tensors]
        optim.step()
    np.concatenate([np.array(losses)] + gradients).astype("<f4").tofile(f"{sys.argv[1]}/{case}.f32")
    print(case, torch.__version__, ["%.4f" % v for v in losses], sum(t.numel() for t in net.tensors))


run("separable_sgd", True, False, 6.0,
    lambda t: torch.optim.SGD(t, lr=0.0002, momentum=0.9, nesterov=True, weight_decay=1e-3), 0.1, False)
run("standard_adamw", False, True, float("inf"),
    lambda t: torch.optim.AdamW(t, lr=0.002, weight_decay=0.05), 0.0, True)
