"""The same MobileNet in other engines, timed side by side with ours. Started by `run`; README.md has the rules.

For each model, batch and thread count: start one process an engine, check every output against numpy, refuse
those that disagree, then time the rest in rounds that alternate. Cold start, memory and size on disk follow.
"""

import json
import os
import signal
import statistics
import subprocess
import sys

import numpy as np

import arguments
import cold
import models
import report
from worker_process import Worker, WorkerFailed, interpreter_with, python_worker, run_first


def commands(engines, programs):
    """The command line of each engine's worker; engines that cannot run here are left out, with a word why."""
    result, missing = {}, {}
    for engine in engines:
        if engine in ("ours", "onednn"):
            path = os.path.join(programs, f"{engine}_worker")
            if os.path.exists(path):
                result[engine] = [path]
            else:
                missing[engine] = "its program was not built"
            continue
        module = {"pytorch": "torch", "litert": "ai_edge_litert", "mnn": "MNN"}.get(engine, engine)
        interpreter = interpreter_with(module)
        if interpreter:
            result[engine] = python_worker(interpreter, engine)
        else:
            missing[engine] = f"no Python here imports {module}"
    return result, missing


def difference(worker, expected, path):
    """Largest absolute difference of log probabilities; infinity where shapes differ or a value is not finite."""
    worker.ask("output " + path)
    y = np.fromfile(path, np.float32)
    os.remove(path)
    if y.size != expected.size or not np.all(np.isfinite(y)) or np.any(y <= 0):
        return float("inf")
    return float(np.abs(np.log(y.reshape(expected.shape)) - np.log(expected)).max())


def start(commands_, stem, threads, batch, tolerance):
    """Workers that run and agree, and the reasons of those that do not."""
    workers, refused, differences = {}, {}, {}
    expected = np.load(f"{stem}-b{batch}.expected.npy")
    if np.log(expected).std() < 0.1:
        raise RuntimeError("the outputs are too flat for the check to tell engines apart")
    for engine, command in commands_.items():
        try:
            worker = Worker(command, stem, threads, batch)
            differences[engine] = difference(worker, expected, f"{stem}.{engine}.output")
        except WorkerFailed as error:
            refused[engine] = str(error)
            continue
        if differences[engine] > tolerance:
            refused[engine] = f"output differs by {differences[engine]:.1e}, more than {tolerance:g}"
            worker.close()
        else:
            workers[engine] = worker
    return workers, refused, differences


def machine_facts(programs):
    """Multiply-add peak of one core and handover between two, measured now."""
    with subprocess.Popen([os.path.join(programs, "machine_facts")], stdout=subprocess.PIPE, text=True) as process:
        first = run_first(process.pid)
        return {**json.loads(process.stdout.read()), "first": first}


def measure(workers, rounds, seconds, programs):
    """Rounds that alternate; each starts with another engine. Returns slices and the facts measured between."""
    names, slices, facts = list(workers), {name: [] for name in workers}, []
    for r in range(rounds):
        facts.append(machine_facts(programs))
        k = r % len(names)
        for name in names[k:] + names[:k]:
            slices[name].append(workers[name].ask(f"time {seconds}"))
    return slices, facts


def one_case(name, batch, threads, stem, macs, commands_, options):
    workers, refused, differences = start(commands_, stem, threads, batch, arguments.TOLERANCES[options.precision])
    try:
        slices, facts = measure(workers, options.rounds, options.seconds, options.programs)
        rows = {}
        for engine, worker in workers.items():
            memory = worker.ask("memory")
            rows[engine] = {"median_ms": 1e3 * statistics.median(s["median"] for s in slices[engine]),
                            "best_ms": 1e3 * min(s["median"] for s in slices[engine]),
                            "min_ms": 1e3 * min(s["min"] for s in slices[engine]),
                            "slices": slices[engine], "difference": differences[engine], **memory,
                            "version": worker.ready["version"], "settings": worker.ready.get("settings", "")}
    finally:
        for worker in workers.values():
            worker.close()
    return {"model": name, "batch": batch, "threads": threads, "macs": macs * batch,
            "peak_gflops": max(f["gflops"] for f in facts),
            "handover_ns": statistics.median(f["handover_ns"] for f in facts), "engines": rows, "refused": refused}


def main():
    options = arguments.read()
    options.programs = os.environ["PEERS_PROGRAMS"]
    folder = os.environ["PEERS_MODELS"]
    os.makedirs(folder, exist_ok=True)
    os.environ["PEERS_PRECISION"] = options.precision
    commands_, missing = commands(options.engines, options.programs)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that workers are closed
    facts = machine_facts(options.programs)
    level = facts["level"]
    if options.precision == "float32" and level in ("avx512bf16", "amxbf16"):
        level = "avx512"  # whose kernels compute in float32 there
    result = {"machine": report.machine(), "precision": options.precision, "level": level, "first": facts["first"], "missing": missing,
              "cases": [], "cold": []}
    print(report.head(result), flush=True)
    for name in options.models:
        stem, macs = models.make(name, options.batches, folder, os.path.join(options.programs, "make_model"))
        for batch in options.batches:
            for threads in options.threads:
                case = one_case(name, batch, threads, stem, macs, commands_, options)
                result["cases"].append(case)
                print(report.case(case), flush=True)
    for name in options.models if options.starts > 0 else []:
        result["cold"].append(cold.measure(name, os.path.join(folder, name), commands_, options.starts))
        print(report.cold(result["cold"][-1]), flush=True)
    print(report.matrix(result))
    print(report.summary(result))
    if options.json:
        with open(options.json, "w") as f:
            json.dump(result, f, indent=1)
    return 1 if any(case["refused"] for case in result["cases"]) else 0


if __name__ == "__main__":
    sys.exit(main())
