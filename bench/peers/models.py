"""Makes the files of one model for every engine, once, in a folder of the build tree.

    make_model (our library) --> STEM.safetensors --> STEM-b1.onnx, STEM-b1.tflite, STEM-b1.mnn, STEM.param/.bin,
                                                      STEM.flat, STEM-b1.input, STEM-b1.expected.npy ...
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict

import numpy as np

import net
import numpy_reference
import write_flat
import write_ncnn
import write_onnx
import write_tflite

SPECS = {"1.0-224": net.Spec(1.0, 224), "0.5-160": net.Spec(0.5, 160), "0.25-128": net.Spec(0.25, 128),
         "standard-1.0-224": net.Spec(1.0, 224, "standard")}

MODEL_FILES = {"ours": "{stem}.safetensors", "onednn": "{stem}.flat", "onnxruntime": "{stem}-b{batch}.onnx",
               "openvino": "{stem}-b{batch}.onnx", "litert": "{stem}-b{batch}.tflite", "mnn": "{stem}-b{batch}.mnn",
               "ncnn": "{stem}.bin", "pytorch": "{stem}.safetensors"}


def convert_mnn(onnx_path, mnn_path):
    """The wheel's converter, called as a module: its script would install a logging package first."""
    arguments = ["mnnconvert", "-f", "ONNX", "--modelFile", onnx_path, "--MNNModel", mnn_path, "--bizCode", "peers"]
    code = f"import _tools; _tools.mnnconvert({arguments!r})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if result.returncode != 0 or not os.path.exists(mnn_path):
        raise RuntimeError("mnnconvert failed: " + (result.stdout + result.stderr)[-500:])


def make_input(spec, batch, stem):
    """Deterministic images in [-1, 1]: every image of the batch differs."""
    rng = np.random.default_rng(1704)
    x = rng.uniform(-1, 1, (batch, spec.size, spec.size, 3)).astype(np.float32)
    x.tofile(f"{stem}-b{batch}.input")
    return x


def make(name, batches, folder, make_model):
    """Returns the stem of the model's files; what exists already is kept."""
    spec = SPECS[name]
    stem = os.path.join(folder, name)
    if not os.path.exists(stem + ".safetensors"):
        subprocess.run([make_model, str(spec.alpha), str(spec.size), spec.conv, stem + ".safetensors"], check=True)
    layers = net.with_weights(spec, net.read_safetensors(stem + ".safetensors"))
    with open(stem + ".json", "w") as f:
        json.dump(asdict(spec), f)
    write_flat.write(layers, stem + ".flat")
    write_ncnn.write(layers, stem + ".param", stem + ".bin")
    for batch in batches:
        if os.path.exists(f"{stem}-b{batch}.expected.npy"):
            continue
        write_onnx.write(layers, batch, f"{stem}-b{batch}.onnx")
        write_tflite.write(layers, batch, f"{stem}-b{batch}.tflite")
        convert_mnn(f"{stem}-b{batch}.onnx", f"{stem}-b{batch}.mnn")
        expected = numpy_reference.run(layers, make_input(spec, batch, stem))
        np.save(f"{stem}-b{batch}.expected.npy", expected)
    return stem, net.macs(layers)


def model_bytes(engine, stem, batch):
    return os.path.getsize(MODEL_FILES[engine].format(stem=stem, batch=batch))
