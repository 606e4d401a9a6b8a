"""Writes the layers as ONNX (opset 17, NCHW, float32, fixed batch): Conv + Clip(0, 6), pool, Gemm, Softmax."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


def conv_weight(layer):
    """OIHW as ONNX wants it; a depthwise filter is [C, 1, KH, KW] with group = C."""
    if layer.op == "depthwise":
        return layer.weight.transpose(2, 0, 1)[:, None]
    return layer.weight.transpose(0, 3, 1, 2)


def add_conv(layer, x, nodes, constants):
    y = layer.name
    constants += [(y + ".w", conv_weight(layer)), (y + ".b", layer.bias)]
    top, bottom, left, right = layer.pad
    nodes.append(helper.make_node(
        "Conv", [x, y + ".w", y + ".b"], [y + ".sum" if layer.relu6 else y], name=y,
        kernel_shape=[layer.kernel] * 2, strides=[layer.stride] * 2, pads=[top, left, bottom, right],
        group=layer.in_channels if layer.op == "depthwise" else 1))
    if layer.relu6:
        nodes.append(helper.make_node("Clip", [y + ".sum", "zero", "six"], [y], name=y + ".relu6"))
    return y


def build(layers, batch):
    nodes, x = [], "input"
    constants = [("zero", np.float32(0)), ("six", np.float32(6))]
    for layer in layers:
        if layer.op in ("conv", "depthwise"):
            x = add_conv(layer, x, nodes, constants)
        elif layer.op == "pool":
            nodes.append(helper.make_node("GlobalAveragePool", [x], ["pool"], name="pool"))
            nodes.append(helper.make_node("Flatten", ["pool"], ["features"], name="flatten", axis=1))
            x = "features"
        elif layer.op == "classifier":
            constants += [("classifier.w", layer.weight), ("classifier.b", layer.bias)]
            nodes.append(helper.make_node("Gemm", [x, "classifier.w", "classifier.b"], ["logits"],
                                          name="classifier", transB=1))
            x = "logits"
        elif layer.op == "softmax":
            nodes.append(helper.make_node("Softmax", [x], ["output"], name="softmax", axis=1))
    first, last = layers[0], layers[-1]
    shape = [batch, first.in_channels, first.in_size, first.in_size]
    graph = helper.make_graph(
        nodes, "mobilenet",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, last.out_channels])],
        [numpy_helper.from_array(np.ascontiguousarray(a), n) for n, a in constants])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def write(layers, batch, path):
    onnx.save(build(layers, batch), path)
