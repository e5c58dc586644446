"""A sweep of 20,000 runs, whose rows are planted: planned, shown, merged and judged in under 60 s of
the processor and 2 GB each; the wall clock, which other processes of the machine share, is printed.
Usage: scale_test.py NORM_HARNESS [FOLDER]"""
import hashlib
import json
import os
import pathlib
import sys
import tempfile
import time

HARNESS = str(pathlib.Path(sys.argv[1]).resolve())
SEEDS, ARMS = 5000, 4
MOST_SECONDS, MOST_KILOBYTES = 60, 2_000_000


def call(what, *words, codes=(0,), quiet=True):
    """Runs a command. Returns its time in seconds and its memory in kB."""
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:
        out = os.open("out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.execv(HARNESS, [HARNESS, *words])
    _, status, usage = os.wait4(pid, 0)
    seconds, code = time.monotonic() - begun, os.waitstatus_to_exitcode(status)
    if code not in codes:
        sys.exit(f"{words} ended with {code}: {pathlib.Path('out').read_text()[-2000:]}")
    if not quiet:
        busy = usage.ru_utime + usage.ru_stime
        print(f"{what:8} {seconds:6.1f} s, {busy:6.1f} s of the processor,"
              f" {usage.ru_maxrss / 1000:8.1f} MB", flush=True)
        if busy > MOST_SECONDS or usage.ru_maxrss > MOST_KILOBYTES:
            sys.exit(f"{what}: too slow or too large; need {MOST_SECONDS} s and {MOST_KILOBYTES} kB")
    return pathlib.Path("out").read_text()


def plant(runs):
    """Rows for every run of the plan, from those of seed 0: one half in the store a, the other in b."""
    call("", "run", "e1,e2", "--profile", "smoke", "--quiet", "--keep", "none", "--store", "one")
    templates = {}
    for folder in pathlib.Path("one/runs").iterdir():
        row = json.loads((folder / "row.json").read_text())["row"]
        templates[row["arm"]] = (row, (folder / "spec.txt").read_text())
    for number, run in enumerate(runs):
        row, spec = templates[run["arm"]]
        spec = spec.replace("\nseed=0\n", f"\nseed={run['seed']}\n")
        row = dict(row, seed=run["seed"], spec_sha256=hashlib.sha256(spec.encode()).hexdigest())
        if row["spec_sha256"][:16] != run["folder"]:
            sys.exit("the planted specification is not the planned one")
        text = json.dumps(row, separators=(",", ":"))
        folder = pathlib.Path("ab"[number % 2], "runs", run["folder"])
        folder.mkdir(parents=True)
        (folder / "spec.txt").write_text(spec)
        (folder / "row.json").write_text(
            f'{{"row":{text},\n"sha256":"{hashlib.sha256(text.encode()).hexdigest()}"}}\n')


def main():
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as folder:
        os.chdir(folder)
        call("plan", "plan", "e1,e2", "--profile", "smoke", "--seeds", str(SEEDS), "--output", "p",
             "--store", "s", quiet=False)
        runs = json.loads(call("", "status", "p", "--json", codes=(4,)))["runs"]
        if len(runs) != SEEDS * ARMS:
            sys.exit(f"{len(runs)} runs are planned, not {SEEDS * ARMS}")
        plant(runs)
        call("merge", "merge", "a", "b", "--into", "s", quiet=False)
        call("status", "status", "p", quiet=False)
        # Golden has no verdicts at this profile, so there is nothing to compare with.
        call("verify", "verify", "--results", "store", "--store", "s", "--profile", "smoke",
             codes=(0, 3), quiet=False)
        call("task", "run", "--plan", "p", "--quiet", quiet=False)
        os.chdir("/")


main()
