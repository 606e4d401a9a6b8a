"""MobileNet V1 as a list of layers with folded weights: what every writer here starts from.

The weights come from one native file (safetensors: an 8-byte length, a JSON header, raw tensors) that our
library wrote; batch norm is folded here, in float64, so that our own folding is checked against it too.
Layers follow the paper's Table 1; padding is TensorFlow's SAME, activation ReLU6, epsilon 0.001.

    native file --read_safetensors--> tensors --Net--> layers (OHWI weights + bias)
"""

import json
import struct
from dataclasses import dataclass, replace

import numpy as np

BN_EPSILON = 0.001
# (channels, stride) of the thirteen blocks after the stem of 32 channels.
BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2), (1024, 1)]


@dataclass(frozen=True)
class Spec:
    """One model of the comparison: width multiplier, input size, convolution kind."""

    alpha: float = 1.0
    size: int = 224
    conv: str = "separable"  # or "standard"
    classes: int = 1000

    @property
    def name(self):
        return f"{'standard-' if self.conv == 'standard' else ''}{self.alpha:g}-{self.size}"


@dataclass
class Layer:
    """One layer; op is conv, depthwise, pool, classifier or softmax (a pointwise is a conv with k = 1).

    weight: conv [OC, KH, KW, IC]; depthwise [KH, KW, C]; classifier [classes, IC]. bias [OC].
    pad: (top, bottom, left, right).
    """

    name: str
    op: str
    in_size: int
    in_channels: int
    out_size: int
    out_channels: int
    kernel: int = 1
    stride: int = 1
    pad: tuple = (0, 0, 0, 0)
    relu6: bool = False
    weight: np.ndarray = None
    bias: np.ndarray = None


def same_padding(size, kernel, stride):
    """TensorFlow SAME: (output size, padding before, padding after)."""
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return out, total // 2, total - total // 2


def width(channels, alpha):
    return max(8, int(channels * alpha))


def layers_without_weights(spec):
    layers = []
    size, channels = spec.size, 3

    def add(name, op, out_channels, kernel, stride):
        nonlocal size, channels
        out, before, after = same_padding(size, kernel, stride)
        layers.append(Layer(name, op, size, channels, out, out_channels, kernel, stride,
                            (before, after, before, after), True))
        size, channels = out, out_channels

    add("stem", "conv", width(32, spec.alpha), 3, 2)
    for i, (wide, stride) in enumerate(BLOCKS, 1):
        if spec.conv == "standard":
            add(f"block{i}.conv", "conv", width(wide, spec.alpha), 3, stride)
        else:
            add(f"block{i}.depthwise", "depthwise", channels, 3, stride)
            add(f"block{i}.pointwise", "conv", width(wide, spec.alpha), 1, 1)
    layers.append(Layer("pool", "pool", size, channels, 1, channels))
    layers.append(Layer("classifier", "classifier", 1, channels, 1, spec.classes))
    layers.append(Layer("softmax", "softmax", 1, spec.classes, 1, spec.classes))
    return layers


def read_safetensors(path):
    """Tensors by name. Only float32 is expected; anything else is refused."""
    with open(path, "rb") as f:
        data = f.read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    body = memoryview(data)[8 + length:]
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"{path}: tensor {name} is {entry['dtype']}, F32 is wanted")
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(body[begin:end], "<f4").reshape(entry["shape"])
    return tensors


def fold(tensors, layer, weight, channel_axis):
    """Folds batch norm into (weight, bias), computed in float64."""
    get = lambda part: tensors[f"{layer.name}.bn.{part}"].astype(np.float64)
    scale = get("gamma") / np.sqrt(get("variance") + BN_EPSILON)
    shape = [1] * weight.ndim
    shape[channel_axis] = -1
    folded = weight.astype(np.float64) * scale.reshape(shape)
    return folded.astype(np.float32), (get("beta") - get("mean") * scale).astype(np.float32)


def with_weights(spec, tensors):
    """The layers of `spec` with the tensors of a native file, folded where they carry batch norm."""
    layers = layers_without_weights(spec)
    for layer in layers:
        if layer.op not in ("conv", "depthwise", "classifier"):
            continue
        weight = tensors[layer.name + ".weight"]
        wanted = {"conv": (layer.out_channels, layer.kernel, layer.kernel, layer.in_channels),
                  "depthwise": (layer.kernel, layer.kernel, layer.in_channels),
                  "classifier": (layer.out_channels, layer.in_channels)}[layer.op]
        if weight.size != int(np.prod(wanted)):
            raise ValueError(f"{layer.name}.weight is {weight.shape}, {wanted} is wanted")
        weight = weight.reshape(wanted)  # a pointwise is stored as [OC, IC]
        if layer.name + ".bn.gamma" in tensors:
            axis = 2 if layer.op == "depthwise" else 0
            layer.weight, layer.bias = fold(tensors, layer, weight, axis)
        else:
            layer.weight = np.ascontiguousarray(weight)
            layer.bias = np.ascontiguousarray(tensors[layer.name + ".bias"])
    return layers


def mirrored(layers):
    """The same net for an image turned by 180 degrees: kernels turned, paddings swapped.

    An engine that can only pad symmetrically computes our SAME stride 2 on even maps (0 before, 1 after) as
    the mirrored net with 1 before: what it pads after is never read. So it needs no separate padding copy.
    """
    result = []
    for layer in layers:
        if layer.op == "conv":
            weight = layer.weight[:, ::-1, ::-1, :]
        elif layer.op == "depthwise":
            weight = layer.weight[::-1, ::-1, :]
        else:
            weight = layer.weight
        top, bottom, left, right = layer.pad
        weight = None if weight is None else weight.copy()
        result.append(replace(layer, weight=weight, pad=(bottom, top, right, left)))
    return result


def macs(layers):
    count = {"conv": lambda l: l.out_size ** 2 * l.out_channels * l.kernel ** 2 * l.in_channels,
             "depthwise": lambda l: l.out_size ** 2 * l.out_channels * l.kernel ** 2,
             "classifier": lambda l: l.out_channels * l.in_channels}
    return sum(count[l.op](l) for l in layers if l.op in count)
