"""The definition against which every engine's output is checked: plain numpy, float32 sums of float64 folding."""

import numpy as np


def padded(x, layer):
    top, bottom, left, right = layer.pad
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))


def taps(x, layer):
    """Yields (kh, kw, the [N, OH, OW, C] view that this tap of the kernel reads)."""
    x = padded(x, layer)
    last = (layer.out_size - 1) * layer.stride + 1
    for kh in range(layer.kernel):
        for kw in range(layer.kernel):
            yield kh, kw, x[:, kh:kh + last:layer.stride, kw:kw + last:layer.stride, :]


def run_layer(layer, x):
    if layer.op == "pool":
        return x.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)
    if layer.op == "classifier":
        return x @ layer.weight.T + layer.bias
    if layer.op == "softmax":
        e = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
        return (e / e.sum(axis=1, keepdims=True)).astype(np.float32)
    y = np.broadcast_to(layer.bias, (x.shape[0], layer.out_size, layer.out_size, layer.out_channels)).copy()
    for kh, kw, view in taps(x, layer):
        if layer.op == "depthwise":
            y += view * layer.weight[kh, kw]
        else:
            y += view @ layer.weight[:, kh, kw, :].T
    return np.clip(y, 0, 6) if layer.relu6 else y


def run(layers, x):
    """x [N, H, W, C] -> probabilities [N, classes]."""
    for layer in layers:
        x = run_layer(layer, x)
    return x
