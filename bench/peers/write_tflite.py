"""Writes the layers as TensorFlow Lite (float32, NHWC, fixed batch) with the schema's own object API.

Every convolution must have SAME or no padding here, which TFLite computes itself: the explicit paddings
of the layers are checked against it, not assumed.
"""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from net import same_padding

SCHEMA_VERSION = 3
BUILTIN = schema.BuiltinOperator
OPTIONS = schema.BuiltinOptions


class Writer:
    def __init__(self):
        self.buffers = [schema.BufferT()]  # buffer 0 is the empty one, by the format's rule
        self.tensors, self.operators, self.codes = [], [], []

    def tensor(self, name, shape, data=None):
        t = schema.TensorT()
        t.name, t.shape = name.encode(), [int(n) for n in shape]
        t.type = schema.TensorType.INT32 if data is not None and data.dtype == np.int32 else schema.TensorType.FLOAT32
        t.buffer = 0
        if data is not None:
            b = schema.BufferT()
            b.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            t.buffer = len(self.buffers)
            self.buffers.append(b)
        self.tensors.append(t)
        return len(self.tensors) - 1

    def operator(self, code, inputs, output, kind, options):
        if code not in self.codes:
            self.codes.append(code)
        op = schema.OperatorT()
        op.opcodeIndex = self.codes.index(code)
        op.inputs, op.outputs = inputs, [output]
        op.builtinOptionsType, op.builtinOptions = kind, options
        self.operators.append(op)

    def finish(self, inputs, outputs):
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs, graph.name = inputs, outputs, b"main"
        model = schema.ModelT()
        model.version, model.description = SCHEMA_VERSION, b"mobilenet"
        model.subgraphs, model.buffers, model.operatorCodes = [graph], self.buffers, []
        for code in self.codes:
            entry = schema.OperatorCodeT()
            entry.builtinCode = entry.deprecatedBuiltinCode = code
            entry.version = 1
            model.operatorCodes.append(entry)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def convolution_options(layer):
    out, before, after = same_padding(layer.in_size, layer.kernel, layer.stride)
    if (before, after, before, after) != tuple(layer.pad) or out != layer.out_size:
        raise ValueError(f"{layer.name}: padding {layer.pad} is not SAME")
    if layer.op == "depthwise":
        options, kind = schema.DepthwiseConv2DOptionsT(), OPTIONS.DepthwiseConv2DOptions
        options.depthMultiplier = 1
    else:
        options, kind = schema.Conv2DOptionsT(), OPTIONS.Conv2DOptions
    options.padding = schema.Padding.SAME
    options.strideH = options.strideW = layer.stride
    options.dilationHFactor = options.dilationWFactor = 1
    options.fusedActivationFunction = (schema.ActivationFunctionType.RELU6 if layer.relu6
                                       else schema.ActivationFunctionType.NONE)
    return kind, options


def add_layer(w, layer, x, batch):
    n = layer.name
    if layer.op in ("conv", "depthwise"):
        weight = layer.weight[None] if layer.op == "depthwise" else layer.weight
        code = BUILTIN.DEPTHWISE_CONV_2D if layer.op == "depthwise" else BUILTIN.CONV_2D
        y = w.tensor(n, [batch, layer.out_size, layer.out_size, layer.out_channels])
        inputs = [x, w.tensor(n + ".w", weight.shape, weight), w.tensor(n + ".b", layer.bias.shape, layer.bias)]
        w.operator(code, inputs, y, *convolution_options(layer))
    elif layer.op == "pool":
        y = w.tensor(n, [batch, layer.out_channels])
        options = schema.ReducerOptionsT()
        options.keepDims = False
        axes = np.array([1, 2], np.int32)
        w.operator(BUILTIN.MEAN, [x, w.tensor("axes", axes.shape, axes)], y, OPTIONS.ReducerOptions, options)
    elif layer.op == "classifier":
        y = w.tensor(n, [batch, layer.out_channels])
        options = schema.FullyConnectedOptionsT()
        inputs = [x, w.tensor(n + ".w", layer.weight.shape, layer.weight),
                  w.tensor(n + ".b", layer.bias.shape, layer.bias)]
        w.operator(BUILTIN.FULLY_CONNECTED, inputs, y, OPTIONS.FullyConnectedOptions, options)
    else:
        y = w.tensor("output", [batch, layer.out_channels])
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        w.operator(BUILTIN.SOFTMAX, [x], y, OPTIONS.SoftmaxOptions, options)
    return y


def build(layers, batch):
    w = Writer()
    first = layers[0]
    x = source = w.tensor("input", [batch, first.in_size, first.in_size, first.in_channels])
    for layer in layers:
        x = add_layer(w, layer, x, batch)
    return w.finish([source], [x])


def write(layers, batch, path):
    with open(path, "wb") as f:
        f.write(build(layers, batch))
