"""Checks the writers on a tiny net: each engine's output against numpy, and that a wrong model is noticed.

    .venv/peers/bin/python bench/peers/test_writers.py
"""

import os
import tempfile
import unittest

import numpy as np

import engines
import models
import net
import numpy_reference
import write_ncnn
import write_onnx
import write_tflite

TOLERANCE = 1e-4


def random_tensors(spec, seed):
    rng = np.random.default_rng(seed)
    tensors = {}
    for l in net.layers_without_weights(spec):
        shape = {"conv": (l.out_channels, l.kernel, l.kernel, l.in_channels),
                 "depthwise": (l.kernel, l.kernel, l.in_channels),
                 "classifier": (l.out_channels, l.in_channels)}.get(l.op)
        if shape is None:
            continue
        fan = l.kernel ** 2 * (1 if l.op == "depthwise" else l.in_channels)
        tensors[l.name + ".weight"] = rng.normal(0, np.sqrt(2 / fan), shape).astype(np.float32)
        if l.op == "classifier":
            tensors[l.name + ".bias"] = rng.normal(0, 0.1, l.out_channels).astype(np.float32)
        else:
            for part, mean, deviation in (("gamma", 1, 0.1), ("beta", 0, 0.2), ("mean", 0, 0.2), ("variance", 1, 0.1)):
                values = rng.normal(mean, deviation, l.out_channels)
                tensors[f"{l.name}.bn.{part}"] = values.astype(np.float32)
    return tensors


class Writers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.stem = os.path.join(self.folder.name, "tiny")

    def tearDown(self):
        self.folder.cleanup()

    def write(self, layers, batch):
        write_onnx.write(layers, batch, f"{self.stem}-b{batch}.onnx")
        write_tflite.write(layers, batch, f"{self.stem}-b{batch}.tflite")
        write_ncnn.write(layers, self.stem + ".param", self.stem + ".bin")
        models.convert_mnn(f"{self.stem}-b{batch}.onnx", f"{self.stem}-b{batch}.mnn")

    def differences(self, layers, batch, expected, x):
        self.write(layers, batch)
        for name, kind in engines.ENGINES.items():
            engine = kind(self.stem, 1, batch)
            engine.set_input(x)
            engine.run()
            y = np.asarray(engine.output()).reshape(expected.shape)
            yield name, float(np.abs(np.log(y) - np.log(expected)).max())

    def test_every_engine_agrees_with_numpy(self):
        for spec in (net.Spec(0.25, 64, classes=10), net.Spec(0.25, 64, "standard", classes=10)):
            layers = net.with_weights(spec, random_tensors(spec, 1))
            x = np.random.default_rng(2).uniform(-1, 1, (3, 64, 64, 3)).astype(np.float32)
            for name, difference in self.differences(layers, 3, numpy_reference.run(layers, x), x):
                with self.subTest(engine=name, model=spec.name):
                    self.assertLess(difference, TOLERANCE)

    def test_a_lost_bias_is_noticed(self):
        spec = net.Spec(0.25, 64, classes=10)
        layers = net.with_weights(spec, random_tensors(spec, 1))
        x = np.random.default_rng(2).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
        expected = numpy_reference.run(layers, x)
        layers[9].bias = layers[9].bias * 0
        for name, difference in self.differences(layers, 1, expected, x):
            with self.subTest(engine=name):
                self.assertGreater(difference, 1e-3)

    def test_the_mirrored_net_is_the_same_function(self):
        spec = net.Spec(0.25, 64, classes=10)
        layers = net.with_weights(spec, random_tensors(spec, 3))
        x = np.random.default_rng(4).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
        turned = numpy_reference.run(net.mirrored(layers), np.ascontiguousarray(x[:, ::-1, ::-1]))
        self.assertLess(np.abs(turned - numpy_reference.run(layers, x)).max(), 1e-5)
        self.assertEqual({l.pad for l in net.mirrored(layers) if l.stride == 2}, {(1, 0, 1, 0)})


if __name__ == "__main__":
    unittest.main()
