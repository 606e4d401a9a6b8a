"""One engine in one process; the language is that of host.h.

    worker.py ENGINE MODEL_STEM THREADS BATCH INPUT
"""

import json
import os
import sys
import time

import numpy as np

WARM_RUNS = 3
ENGINE_FILES = {"onnxruntime": ("engines", "OnnxRuntime"), "litert": ("engines", "LiteRT"),
                "ncnn": ("engines", "Ncnn"), "mnn": ("engines", "Mnn"), "openvino": ("engines", "OpenVino"),
                "pytorch": ("engine_torch", "PyTorch")}
PACKAGES = {"onnxruntime": "onnxruntime", "litert": "ai_edge_litert.interpreter", "ncnn": "ncnn", "mnn": "MNN",
            "openvino": "openvino", "pytorch": "torch"}


def peak_kb():
    with open("/proc/self/status") as f:
        for line in f:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def timed(run, seconds):
    clock, times = time.perf_counter, []
    for _ in range(WARM_RUNS):
        run()
    begin = clock()
    end = begin + seconds
    while begin < end:
        run()
        now = clock()
        times.append(now - begin)
        begin = now
    times.sort()
    return {"runs": len(times), "median": times[len(times) // 2], "min": times[0]}


def serve(engine, base_kb, channel):
    def answer(value):
        channel.write(json.dumps(value) + "\n")
        channel.flush()

    for line in sys.stdin:
        command, _, rest = line.strip().partition(" ")
        if command == "time":
            answer(timed(engine.run, float(rest)))
        elif command == "output":
            y = np.ascontiguousarray(engine.output(), np.float32)
            y.tofile(rest)
            answer({"count": y.size})
        elif command == "memory":
            answer({"base_kb": base_kb, "peak_kb": peak_kb()})
        else:
            break


def main():
    name, stem, threads, batch, input_path = sys.argv[1:]
    batch = int(batch)
    # Engines print banners on stdout: keep the real one for answers.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    x = np.fromfile(input_path, np.float32)
    size = int(round((x.size / batch / 3) ** 0.5))
    x = x.reshape(batch, size, size, 3)
    base_kb = peak_kb()
    module, kind = ENGINE_FILES[name]
    make = getattr(__import__(module), kind)
    t0 = time.perf_counter()
    __import__(PACKAGES[name])
    t1 = time.perf_counter()
    engine = make(stem, int(threads), batch)
    engine.set_input(x)
    t2 = time.perf_counter()
    engine.run()
    label = int(np.argmax(np.asarray(engine.output()).reshape(batch, -1)[0]))
    t3 = time.perf_counter()
    channel.write(json.dumps({"version": engine.version, "label": label, "import_s": t1 - t0, "load_s": t2 - t1,
                              "first_s": t3 - t2, "settings": engine.settings}) + "\n")
    channel.flush()
    serve(engine, base_kb, channel)
    channel.flush()
    os._exit(0)  # without the engines' own exit work, which can hang on their threads


main()
