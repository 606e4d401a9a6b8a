"""The same MobileNet in other engines, timed side by side with ours. Started by `run`; README.md has the rules.

For each model, batch and thread count: start one process an engine, check every output against numpy, refuse
those that disagree, then time the rest in rounds that alternate. Cold start, memory and size on disk follow.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys

import numpy as np

import cold
import models
import report
from worker_process import Worker, WorkerFailed, interpreter_with, python_worker, run_first

# Of the natural logarithm of each probability, that is, of the logits. In bfloat16 each of 28 layers rounds its map and
# its weights by up to 2^-9; all three engines were within 0.012.
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.05}
BFLOAT16_ENGINES = ["ours", "onednn", "openvino"]  # those that have it on x86
ENGINES = ["ours", "onednn", "onnxruntime", "litert", "openvino", "mnn", "ncnn", "pytorch"]


def arguments():
    p = argparse.ArgumentParser(prog="run", description=__doc__.splitlines()[0])
    p.add_argument("--quick", action="store_true", help="about two minutes: two models, batch 1, few rounds")
    p.add_argument("--models", default=",".join(models.SPECS), help="of " + ", ".join(models.SPECS))
    p.add_argument("--engines", default=",".join(ENGINES), help="of " + ", ".join(ENGINES))
    p.add_argument("--precision", choices=TOLERANCES, default="float32", help="what the engines compute in")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--batches", default="1,8")
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--seconds", type=float, default=0.3, help="of timing for each engine in each round")
    p.add_argument("--starts", type=int, default=7, help="cold starts of each engine; 0: none")
    p.add_argument("--json", metavar="FILE", help="write everything measured, too")
    a = p.parse_args()
    if a.quick:
        a.models, a.batches, a.rounds, a.seconds, a.starts = "1.0-224,0.25-128", "1", 7, 0.15, 3
    if a.precision == "bfloat16" and a.engines == ",".join(ENGINES):
        a.engines = ",".join(BFLOAT16_ENGINES)
    a.models, a.engines = a.models.split(","), a.engines.split(",")
    a.threads, a.batches = [int(t) for t in a.threads.split(",")], [int(b) for b in a.batches.split(",")]
    engines = BFLOAT16_ENGINES if a.precision == "bfloat16" else ENGINES
    for given, known in ((a.models, models.SPECS), (a.engines, engines)):
        unknown = [x for x in given if x not in known]
        if unknown:
            p.error(f"{unknown[0]} is not one of {', '.join(known)}")
    return a


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
    workers, refused, differences = start(commands_, stem, threads, batch, TOLERANCES[options.precision])
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
    options = arguments()
    options.programs = os.environ["PEERS_PROGRAMS"]
    folder = os.environ["PEERS_MODELS"]
    os.makedirs(folder, exist_ok=True)
    os.environ["PEERS_PRECISION"] = options.precision
    commands_, missing = commands(options.engines, options.programs)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that workers are closed
    facts = machine_facts(options.programs)
    result = {"machine": report.machine(), "precision": options.precision, "level": facts["level"], "first": facts["first"], "missing": missing,
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
