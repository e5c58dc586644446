"""Enters what scripts/verify_gpu wrote into libnorm/CUDA.md and README.md.

    scripts/verify_gpu --record FILE
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = "scripts/verify_gpu"
BEGIN, END = "<!-- GPUs: written by scripts/verify_gpu --record -->", "<!-- end of GPUs -->"
NEEDED = {"verify_gpu": int, "emulated": bool, "device": str, "driver": str, "build": str,
          "when": str, "row": str, "steps": list}


def fail(code, sentence):
    print(f"{NAME}: {sentence}", file=sys.stderr)
    sys.exit(code)


def read_record(path):
    try:
        record = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        fail(3, f"cannot read {path} ({error.strerror}); need the verify_gpu.json of a run")
    except ValueError as error:
        fail(3, f"{path}: no JSON ({error}); need the verify_gpu.json of a run")
    for key, kind in NEEDED.items():
        if not isinstance(record, dict) or type(record.get(key)) is not kind:
            fail(3, f"{path}: {key} is absent or of another kind; need the verify_gpu.json of a run")
    for text in (record["row"], record["device"], record["driver"], record["when"]):
        if re.search(r"[^\x20-\x7e]|[<>`]|\]\(", text):
            fail(3, f"{path}: unusual characters ({text!r}); need what scripts/verify_gpu wrote")
    if record["row"].count("|") != 11:
        fail(3, f"{path}: a row of another form; need what scripts/verify_gpu wrote")
    if record["emulated"]:
        fail(2, f"{path} is of the emulator; need the record of a GPU")
    return record


def short_row(record):
    """README's: the GPU, what passed, and what did not."""
    passed = [s["step"] for s in record["steps"] if s["status"] == "passed"]
    other = [f"{s['step']}: {s['status']}" for s in record["steps"] if s["status"] != "passed"]
    return (f"| {record['device']} | {', '.join(passed) or 'none'} | {', '.join(other) or 'none'} "
            f"| {record['when']} |")


def enter(path, row, same):
    """Puts a row first in the table between the marks, in place of one of the same GPU."""
    text = path.read_text(encoding="utf-8")
    before, found, rest = text.partition(BEGIN + "\n")
    table, ended, after = rest.partition(END)
    if not found or not ended:
        fail(3, f"{path.name} has no table of GPUs (the marks are absent); need \"{BEGIN}\"")
    lines = table.splitlines()
    rows = [line for line in lines[2:] if not line.startswith(same) and "none yet" not in line]
    path.write_text(before + BEGIN + "\n" + "\n".join(lines[:2] + [row] + rows) + "\n" + END + after,
                    encoding="utf-8")


def main():
    if len(sys.argv) != 2:
        fail(2, "--record needs the verify_gpu.json of a run")
    record = read_record(sys.argv[1])
    same = f"| {record['device']} |"
    enter(ROOT / "libnorm" / "CUDA.md", record["row"], same)
    enter(ROOT / "README.md", short_row(record), same)
    print(f"{NAME}: entered {record['device']} into libnorm/CUDA.md and README.md")


if __name__ == "__main__":
    main()
