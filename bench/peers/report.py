"""Text of the comparison: one table a case, one for cold start, one summary of ratios."""

import os
import platform


def machine():
    name, load = platform.machine(), os.getloadavg()[0]
    with open("/proc/cpuinfo") as f:
        fields = dict(line.split(":", 1) for line in f.read().split("\n\n")[0].splitlines() if ":" in line)
    fields = {k.strip(): v.strip() for k, v in fields.items()}
    return {"cpu": fields.get("model name", name), "family": fields.get("cpu family", "?"),
            "model": fields.get("model", "?"), "processors": os.cpu_count(),
            "flags": [f for f in ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16") if f in fields.get("flags", "").split()],
            "load_at_start": load}


def head(result):
    m = result["machine"]
    lines = [f"precision: {result['precision']}",
             f"CPU: {m['cpu']} (family {m['family']}, model {m['model']}), {m['processors']} processors, "
             f"{' '.join(m['flags'])}; load {m['load_at_start']:.2f} at the start",
             f"our kernel level: {result['level']}; workers run ahead of other work: {'yes' if result['first'] else 'no'}",
             "median: of the rounds' medians; best: the round least disturbed; min: the fastest single run"]
    lines += [f"left out: {engine}: {why}" for engine, why in result["missing"].items()]
    return "\n".join(lines)


def best_peer(rows, key):
    peers = {e: r[key] for e, r in rows.items() if e != "ours"}
    return min(peers, key=peers.get) if peers else None


def case(c):
    """Time of one run (whole batch); rate, share of the peak and multiple of our time are of the best round."""
    rows, limit = c["engines"], c["peak_gflops"] * c["threads"]
    lines = ["", f"== {c['model']}, batch {c['batch']}, {c['threads']} thread{'s' if c['threads'] > 1 else ''}: "
             f"{c['macs'] / 1e6:.1f} million multiply-adds; peak {c['peak_gflops']:.1f} GFLOP/s a core; handover {c['handover_ns']:.0f} ns",
             f"{'engine':<13}{'version':<15}{'median ms':>11}{'best ms':>10}{'min ms':>10}{'GFLOP/s':>10}"
             f"{'of peak':>9}{'x ours':>8}{'difference':>12}"]
    ours = rows.get("ours", {}).get("best_ms")
    for engine, r in sorted(rows.items(), key=lambda item: item[1]["best_ms"]):
        rate = 2e-6 * c["macs"] / r["best_ms"]
        ratio = f"{r['best_ms'] / ours:8.2f}" if ours else f"{'-':>8}"
        lines.append(f"{engine:<13}{r['version']:<15}{r['median_ms']:11.3f}{r['best_ms']:10.3f}{r['min_ms']:10.3f}"
                     f"{rate:10.1f}{100 * rate / limit:8.1f}%{ratio}{r['difference']:12.1e}")
    lines += [f"refused: {engine}: {why}" for engine, why in c["refused"].items()]
    return "\n".join(lines)


def cold(c):
    lines = ["", f"== {c['model']}: cold start (1 thread), peak memory, size on disk",
             f"{'engine':<13}{'process ms':>11}{'engine ms':>11}{'load ms':>10}{'peak MiB':>10}{'net MiB':>9}"
             f"{'library MiB':>13}{'model MiB':>11}"]
    for engine, r in sorted(c["engines"].items(), key=lambda item: item[1]["load_ms"]):
        lines.append(f"{engine:<13}{r['process_ms']:11.1f}{r['engine_ms']:11.1f}{r['load_ms']:10.1f}"
                     f"{r['peak_kb'] / 1024:10.1f}{r['net_kb'] / 1024:9.1f}"
                     f"{r['library_bytes'] / 2**20:13.2f}{r['model_bytes'] / 2**20:11.2f}")
    return "\n".join(lines)


def ratio_line(label, rows, key, ours_key=None):
    peer = best_peer(rows, key)
    if not peer or "ours" not in rows:
        return None
    ours = rows["ours"][ours_key or key]
    return f"{label:<52}{peer:<13}{rows[peer][key]:13.2f}{ours:13.2f}{rows[peer][key] / ours:8.2f}"


def summary(result):
    """The best peer of every case against ours: above 1, ours is better."""
    lines = ["", "== best peer against ours (ratio above 1: ours is better)",
             f"{'':<52}{'best peer':<13}{'peer':>13}{'ours':>13}{'ratio':>8}"]
    for c in result["cases"]:
        label = f"{c['model']} batch {c['batch']} threads {c['threads']}, "
        lines.append(ratio_line(label + "median us", in_microseconds(c["engines"], "median_ms"), "us"))
        lines.append(ratio_line(label + "best us", in_microseconds(c["engines"], "best_ms"), "us"))
    for c in result["cold"]:
        rows, name = c["engines"], c["model"]
        lines.append(ratio_line(f"{name} cold, process against load, ms", rows, "load_ms", "process_ms"))
        lines.append(ratio_line(f"{name} cold, process against process, ms", rows, "process_ms"))
        lines.append(ratio_line(f"{name} memory, process against net, KiB", rows, "net_kb", "peak_kb"))
        lines.append(ratio_line(f"{name} library stripped, bytes", rows, "library_bytes"))
    return "\n".join(line for line in lines if line)


def matrix(result):
    """One line a case, one column an engine: milliseconds of the best round, and the best peer over ours."""
    engines = sorted({e for c in result["cases"] for e in c["engines"]}, key=lambda e: (e != "ours", e))
    lines = ["", "== milliseconds of the best round (handover in ns; ratio: best peer / ours)",
             f"{'model':<18}{'batch':>5}{'threads':>8}{'handover':>9}" + "".join(f"{e:>12}" for e in engines)
             + f"{'ratio':>8}"]
    for c in result["cases"]:
        rows = c["engines"]
        cells = "".join(f"{rows[e]['best_ms']:12.3f}" if e in rows else f"{'refused':>12}" for e in engines)
        peer = best_peer(rows, "best_ms")
        ratio = f"{rows[peer]['best_ms'] / rows['ours']['best_ms']:8.2f}" if peer and "ours" in rows else ""
        lines.append(f"{c['model']:<18}{c['batch']:>5}{c['threads']:>8}{c['handover_ns']:>9.0f}{cells}{ratio}")
    return "\n".join(lines)


def in_microseconds(rows, key):
    return {engine: {"us": 1e3 * row[key]} for engine, row in rows.items()}
