"""The options of `run`, read before anything is installed: needs Python's own library alone. Run by itself it only checks
them."""

import argparse

# The natural logarithm of each probability, that is, the logits, may differ by this. In bfloat16 each of 28 layers rounds
# its map and its weights by up to 2^-9; all three engines were within 0.012.
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.05}
BFLOAT16_ENGINES = ["ours", "onednn", "openvino"]  # those that have it on x86
ENGINES = ["ours", "onednn", "onnxruntime", "litert", "openvino", "mnn", "ncnn", "pytorch"]
MODELS = ["1.0-224", "0.5-160", "0.25-128", "standard-1.0-224"]  # models.py says what they are


def numbers(text):
    """'1,8' as [1, 8]; whole numbers from 1 on."""
    values = [int(word) for word in text.split(",")]
    if min(values) < 1:
        raise ValueError
    return values


def read():
    p = argparse.ArgumentParser(prog="run", allow_abbrev=False,
                                description="The same MobileNet in other engines, timed side by side with ours. The "
                                "first run installs the engines (about 700 MB) into .venv/peers of the checkout.")
    p.add_argument("--quick", action="store_true", help="about two minutes: 1.0-224 and 0.25-128, batch 1, 7 rounds of "
                   "0.15 s, 3 starts, whatever else is given [off]")
    p.add_argument("--models", metavar="LIST", default=",".join(MODELS), help="models to run, alpha and resolution, "
                   "with commas between; standard: with full convolutions [%(default)s]")
    p.add_argument("--engines", metavar="LIST", default=",".join(ENGINES), help="engines to run, with commas between "
                   f"[%(default)s; in bfloat16 {','.join(BFLOAT16_ENGINES)}]")
    p.add_argument("--precision", choices=TOLERANCES, default="float32", help="what the engines compute in [%(default)s]")
    p.add_argument("--threads", metavar="LIST", type=numbers, default="1,2", help="numbers of threads, each timed "
                   "[%(default)s]")
    p.add_argument("--batches", metavar="LIST", type=numbers, default="1,8", help="images in one run, each timed "
                   "[%(default)s]")
    p.add_argument("--rounds", metavar="N", type=int, default=15, help="rounds, in each of which every engine has a "
                   "turn [%(default)s]")
    p.add_argument("--seconds", metavar="S", type=float, default=0.3, help="length of one turn [%(default)s]")
    p.add_argument("--starts", metavar="N", type=int, default=7, help="cold starts of each engine; 0: none [%(default)s]")
    p.add_argument("--json", metavar="FILE", help="write everything measured there, too [not written]")
    a = p.parse_args()
    if a.rounds < 1 or a.seconds <= 0 or a.starts < 0:
        p.error("--rounds wants at least 1, --seconds more than 0, --starts at least 0")
    if a.quick:
        a.models, a.batches, a.rounds, a.seconds, a.starts = "1.0-224,0.25-128", [1], 7, 0.15, 3
    if a.precision == "bfloat16" and a.engines == ",".join(ENGINES):
        a.engines = ",".join(BFLOAT16_ENGINES)
    a.models, a.engines = a.models.split(","), a.engines.split(",")
    engines = BFLOAT16_ENGINES if a.precision == "bfloat16" else ENGINES
    for given, known in ((a.models, MODELS), (a.engines, engines)):
        unknown = [x for x in given if x not in known]
        if unknown:
            p.error(f"{unknown[0]} is not one of {', '.join(known)}")
    return a


if __name__ == "__main__":
    read()
