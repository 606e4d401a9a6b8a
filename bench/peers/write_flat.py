"""Writes the layers as the plain file that onednn_worker.c reads.

Little endian: "MNF1", int32 layer count, then per layer ten int32 (op, in_size, in_channels, out_size,
out_channels, kernel, stride, pad before, pad after, relu6), then the weights (float32: convolutions OIHW,
depthwise CHW, classifier OI) and the bias. op: 0 conv, 1 depthwise, 2 pool, 3 classifier, 4 softmax.
"""

import struct

import numpy as np

OPS = ["conv", "depthwise", "pool", "classifier", "softmax"]


def write(layers, path):
    with open(path, "wb") as out:
        out.write(b"MNF1" + struct.pack("<i", len(layers)))
        for l in layers:
            out.write(struct.pack("<10i", OPS.index(l.op), l.in_size, l.in_channels, l.out_size, l.out_channels,
                                  l.kernel, l.stride, l.pad[0], l.pad[1], int(l.relu6)))
            if l.weight is None:
                continue
            order = {"conv": (0, 3, 1, 2), "depthwise": (2, 0, 1), "classifier": (0, 1)}[l.op]
            out.write(np.ascontiguousarray(l.weight.transpose(order), "<f4").tobytes())
            out.write(l.bias.astype("<f4").tobytes())
