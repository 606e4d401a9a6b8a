#!/usr/bin/env python3
"""Writes tests/format/model_goldens.h: what the readers of TensorFlow Lite and Keras files must find in the models of
the assets folder, computed without this project: weights with the `tflite` and `h5py` packages, outputs with LiteRT
(ai-edge-litert) for .tflite and with numpy for .h5.

    pip install numpy h5py tflite ai-edge-litert
    tools/golden/model_goldens.py ASSETS/models > tests/format/model_goldens.h

The input is a pattern of bytes that the test makes in the same way. person_0.25_96_gray_int8.tflite is patched in
memory: its one-dimensional biases name a quantised dimension 3, which LiteRT refuses.
"""
import importlib.metadata
import json
import os
import sys

import h5py
import numpy as np
import tflite
from ai_edge_litert.interpreter import Interpreter

PROBES = ["stem.weight", "block1.depthwise.weight", "block1.pointwise.weight", "block7.pointwise.weight",
          "block13.depthwise.weight", "block13.pointwise.bias", "classifier.weight", "classifier.bias"]
PROBES_KERAS = ["stem.weight", "stem.bn.mean", "block1.depthwise.weight", "block1.depthwise.bn.gamma",
                "block7.pointwise.weight", "block7.pointwise.bn.beta", "block13.pointwise.bn.variance",
                "block13.pointwise.bn.mean", "classifier.weight", "classifier.bias"]


def layer_names():
    names = ["stem"]
    for block in range(1, 14):
        names += [f"block{block}.depthwise", f"block{block}.pointwise"]
    return names + ["classifier"]


def pattern(height, width, channels):
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    return ((x * 3 + y * 5 + c * 40 + ((x // 16 + y // 16) % 2) * 60) % 256).astype(np.uint8)


def dequantised(model, graph, index):
    tensor = graph.Tensors(index)
    raw = model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
    kinds = {tflite.TensorType.FLOAT32: "<f4", tflite.TensorType.UINT8: "u1", tflite.TensorType.INT8: "i1",
             tflite.TensorType.INT32: "<i4"}
    shape = tensor.ShapeAsNumpy()
    stored = np.frombuffer(raw, kinds[tensor.Type()]).reshape(shape)
    if tensor.Type() == tflite.TensorType.FLOAT32:
        return stored.astype(np.float64)
    q = tensor.Quantization()
    scale, zero = q.ScaleAsNumpy().astype(np.float64), q.ZeroPointAsNumpy().astype(np.float64)
    if len(scale) > 1:
        axis = 0 if len(shape) == 1 else q.QuantizedDimension()
        wide = [1] * len(shape)
        wide[axis] = -1
        scale, zero = scale.reshape(wide), zero.reshape(wide)
    return (stored - zero) * scale


def tflite_weights(path):
    data = open(path, "rb").read()
    model = tflite.Model.GetRootAs(data, 0)
    graph = model.Subgraphs(0)
    found = []
    for k in range(graph.OperatorsLength()):
        op = graph.Operators(k)
        code = model.OperatorCodes(op.OpcodeIndex())
        if max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) in (
                tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.DEPTHWISE_CONV_2D,
                tflite.BuiltinOperator.FULLY_CONNECTED):
            found.append(op.InputsAsNumpy())
    weights = {}
    for name, inputs in zip(layer_names(), found, strict=True):
        weight = dequantised(model, graph, inputs[1])
        if name == "stem" and weight.shape[0] == 1:
            weight = weight.transpose(3, 1, 2, 0)
        weights[name + ".weight"] = weight
        weights[name + ".bias"] = dequantised(model, graph, inputs[2])
    return weights


def patch_dimensions(data):
    """Quantised dimensions of one-dimensional tensors become 0."""
    data = bytearray(data)
    graph = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    for i in range(graph.TensorsLength()):
        tensor = graph.Tensors(i)
        q = tensor.Quantization()
        if tensor.ShapeLength() == 1 and q is not None and q.QuantizedDimension() != 0:
            at = q._tab.Pos + q._tab.Offset(16)
            data[at:at + 4] = bytes(4)
    return bytes(data)


def tflite_output(path):
    interpreter = Interpreter(model_content=patch_dimensions(open(path, "rb").read()), num_threads=1)
    interpreter.allocate_tensors()
    given, wanted = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    image = pattern(*given["shape"][1:])
    if given["dtype"] == np.float32:
        vww = given["shape"][1] == 96
        image = image.astype(np.float32) / np.float32(255) if vww else \
            (image.astype(np.float32) - np.float32(127.5)) / np.float32(127.5)
    elif given["dtype"] == np.int8:
        image = (image.astype(np.int16) - 128).astype(np.int8)
    interpreter.set_tensor(given["index"], image[None])
    interpreter.invoke()
    output = interpreter.get_tensor(wanted["index"])[0]
    if wanted["dtype"] != np.float32:
        scale, zero = wanted["quantization"]
        output = (output.astype(np.float32) - zero) * scale
    return output


def keras_weights(path):
    file = h5py.File(path, "r")
    root = file["model_weights"]
    config = json.loads(file.attrs["model_config"])
    layers = config["config"]["layers"]
    weights, names, order = {}, iter(layer_names()), []
    get = lambda layer, leaf: np.array(root[f"{layer}/{layer}/{leaf}:0"], np.float64)
    for layer in layers:
        kind, name = layer["class_name"], layer["config"]["name"]
        if kind in ("Conv2D", "DepthwiseConv2D", "Dense"):
            ours = next(names)
            kernel = get(name, "depthwise_kernel" if kind == "DepthwiseConv2D" else "kernel")
            if kind == "DepthwiseConv2D":
                kernel = kernel[..., 0]
            else:
                kernel = np.moveaxis(kernel, -1, 0)
            weights[ours + ".weight"] = kernel
            if layer["config"]["use_bias"]:
                weights[ours + ".bias"] = get(name, "bias")
            order.append((ours, kind, layer["config"]))
        elif kind == "BatchNormalization":
            for ours_part, leaf in (("gamma", "gamma"), ("beta", "beta"), ("mean", "moving_mean"),
                                    ("variance", "moving_variance")):
                weights[f"{ours}.bn.{ours_part}"] = get(name, leaf)
            if ours + ".bias" in weights:
                weights[ours + ".bn.mean"] = weights[ours + ".bn.mean"] - weights[ours + ".bias"]
    size = layers[0]["config"]["batch_input_shape"]
    return weights, order, size, any(l["config"].get("max_value") == 6.0 for l in layers)


def keras_output(path):
    weights, order, size, relu6 = keras_weights(path)
    image = pattern(*size[1:]).astype(np.float64)
    image = (image - 127.5) / 127.5 if relu6 else image / 255
    for name, kind, config in order:
        weight = weights[name + ".weight"]
        if name == "classifier":
            image = image.mean(axis=(0, 1))
            logits = weight.reshape(weight.shape[0], -1) @ image + weights["classifier.bias"]
            break
        kernel, stride = config.get("kernel_size", [1, 1])[0], config["strides"][0]
        if kernel == 1:
            image = image @ weight.reshape(weight.shape[0], -1).T
        else:
            image = np.pad(image, ((0, 1), (0, 1), (0, 0)) if stride == 2 else ((1, 1), (1, 1), (0, 0)))
            out = [(n - 3) // stride + 1 for n in image.shape[:2]]
            total = 0
            for kh in range(3):
                for kw in range(3):
                    part = image[kh:kh + stride * out[0]:stride, kw:kw + stride * out[1]:stride][:out[0], :out[1]]
                    total = total + (part * weight[kh, kw] if kind == "DepthwiseConv2D"
                                     else part @ weight[:, kh, kw, :].T)
            image = total
        scale = weights[name + ".bn.gamma"] / np.sqrt(weights[name + ".bn.variance"] + 1e-3)
        image = (image - weights[name + ".bn.mean"]) * scale + weights[name + ".bn.beta"]
        image = np.clip(image, 0, 6 if relu6 else None)
    exp = np.exp(logits - logits.max())
    return exp / exp.sum()


def emit(name, weights, probes, output):
    ident = name.replace(".", "_")
    rows = []
    for probe in probes:
        flat = weights[probe].reshape(-1)
        for index in (0, len(flat) // 3, len(flat) - 1):
            rows.append(f'    {{"{probe}", {index}, {flat[index]:.9g}}},')
    print(f"static const golden_weight weights_{ident}[] = {{")
    print("\n".join(rows))
    print("};")
    best = np.argsort(-output, kind="stable")[:5]
    cells = ", ".join(f"{{{k}, {output[k]:.9g}}}" for k in best)
    print(f"static const golden_output outputs_{ident}[] = {{{cells}}};\n")


def main():
    folder = sys.argv[1]
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("numpy", "h5py", "tflite", "ai-edge-litert"))
    print("/* Made by tools/golden/model_goldens.py with", versions + ". */")
    print("/* clang-format off */")
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.endswith(".tflite"):
            emit(name, tflite_weights(path), PROBES, tflite_output(path))
        elif name.endswith(".h5"):
            emit(name, keras_weights(path)[0], PROBES_KERAS, keras_output(path))


main()
