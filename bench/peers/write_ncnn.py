"""Writes the layers as an ncnn .param (text) and .bin (float32) pair: NCHW kernels, activation fused as a clip.

ncnn runs one image at a time, so the file has no batch.
"""

import struct

import numpy as np

MAGIC = 7767517
CLIP = 3  # activation_type of a convolution; its parameters are minimum and maximum


def conv_line(layer, x):
    depthwise = layer.op == "depthwise"
    top, bottom, left, right = layer.pad
    fields = [f"0={layer.out_channels}", f"1={layer.kernel}", f"3={layer.stride}",
              f"4={left}", f"14={top}", f"15={right}", f"16={bottom}", "5=1", f"6={layer.weight.size}"]
    if depthwise:
        fields.append(f"7={layer.in_channels}")
    if layer.relu6:
        fields += [f"9={CLIP}", "-23310=2,0.0,6.0"]
    kind = "ConvolutionDepthWise" if depthwise else "Convolution"
    return f"{kind} {layer.name} 1 1 {x} {layer.name} " + " ".join(fields)


def write(layers, param_path, bin_path):
    lines, x = ["Input input 0 1 input"], "input"
    with open(bin_path, "wb") as out:
        for layer in layers:
            if layer.op in ("conv", "depthwise"):
                lines.append(conv_line(layer, x))
                weight = (layer.weight.transpose(2, 0, 1) if layer.op == "depthwise"
                          else layer.weight.transpose(0, 3, 1, 2))
            elif layer.op == "pool":
                lines.append(f"Pooling {layer.name} 1 1 {x} {layer.name} 0=1 4=1")
            elif layer.op == "classifier":
                lines.append(f"InnerProduct {layer.name} 1 1 {x} {layer.name} "
                             f"0={layer.out_channels} 1=1 2={layer.weight.size}")
                weight = layer.weight
            else:
                lines.append(f"Softmax {layer.name} 1 1 {x} output 0=0 1=1")
            if layer.weight is not None:
                out.write(struct.pack("<I", 0))  # flag: plain float32 follows
                out.write(np.ascontiguousarray(weight, "<f4").tobytes())
                out.write(layer.bias.astype("<f4").tobytes())
            x = layer.name
    with open(param_path, "w") as out:
        out.write(f"{MAGIC}\n{len(lines)} {len(lines)}\n" + "\n".join(lines) + "\n")
