"""Cold start, peak memory of a process that loads and runs once, and the size of what a user ships.

Starts are fresh processes, alternating between engines, with the files in the page cache. Three times each:
    process   from starting the process to its first printed label: what a user of that binding waits
    engine    import of the engine + load + first run, without the interpreter's own start
    load      load + first run alone, after the engine's libraries are mapped: kindest to the peers
For the C workers (ours, oneDNN) the last two leave out the process's start and the dynamic linker.
ONNX Runtime reads the graph that it optimised in an earlier start, OpenVINO its own cache.
"""

import glob
import os
import statistics
import subprocess
import sys
import tempfile

import models
from worker_process import Worker, WorkerFailed

BATCH, THREADS = 1, 1


def stripped_bytes(path):
    """Size of a library after strip, as it would be shipped."""
    with tempfile.NamedTemporaryFile() as out:
        if subprocess.run(["strip", "-s", "-o", out.name, path], capture_output=True).returncode == 0:
            return os.path.getsize(out.name)
    return os.path.getsize(path)


def libraries(engine):
    packages = os.path.join(sys.prefix, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
    if engine == "ours":
        return [os.environ["PEERS_LIBRARY"]]
    if engine == "onednn":
        return [os.path.realpath(os.path.join(sys.prefix, "lib", "libdnnl.so.3"))]
    if engine == "pytorch":
        return [os.path.realpath(p) for pattern in ("libtorch_cpu.so.*", "libc10.so.*")
                for p in glob.glob("/usr/lib/*/" + pattern)[:1]]
    import engines
    return engines.ENGINES[engine].libraries(packages)


def measure(name, stem, commands, starts):
    samples = {engine: [] for engine in commands}
    os.environ["PEERS_COLD"] = "1"
    for number in range(starts + 1):
        for engine, command in commands.items():
            try:
                worker = Worker(command, stem, THREADS, BATCH)
            except WorkerFailed:
                continue
            memory = worker.ask("memory")
            ready = worker.ready
            worker.close()
            if number == 0:
                continue  # fills the page cache and the engines' own
            samples[engine].append({
                "process_ms": 1e3 * worker.cold_s,
                "engine_ms": 1e3 * (ready["import_s"] + ready["load_s"] + ready["first_s"]),
                "load_ms": 1e3 * (ready["load_s"] + ready["first_s"]),
                "peak_kb": memory["peak_kb"], "net_kb": memory["peak_kb"] - memory["base_kb"]})
    del os.environ["PEERS_COLD"]
    rows = {}
    for engine, list_ in samples.items():
        if not list_:
            continue
        rows[engine] = {key: statistics.median(s[key] for s in list_) for key in list_[0]}
        rows[engine]["library_bytes"] = sum(stripped_bytes(p) for p in libraries(engine))
        rows[engine]["model_bytes"] = models.model_bytes(engine, stem, BATCH)
    return {"model": name, "engines": rows}
