"""What scripts/test and scripts/check_bare find out before they begin, and what
scripts/compare_pytorch.py does without PyTorch.

    python3 scripts_test.py ROOT BUILD [Scripts.test_name ...]
"""

import importlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import statistics
import sys
import tempfile
import unittest
from types import SimpleNamespace

ONE_LINE = """\
deb http://security.invalid/debian-security bookworm-security main
deb-src http://sources.invalid/debian bookworm main
# deb http://comment.invalid/debian bookworm main
deb [trusted=yes] http://mirror.invalid/debian bookworm main contrib
"""
DEB822 = """\
Types: deb
URIs: http://security.invalid/debian-security
Suites: bookworm-security
Components: main

Types: deb deb-src
URIs: https://mirror.invalid/debian
Suites: trixie trixie-updates
Components: main
"""
UBUNTU = "deb http://mirror.invalid/ubuntu jammy main\n"


def scripts_module(name):
    """A module of scripts/ that needs nothing but Python."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


class Scripts(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.environment = dict(os.environ)

    def run_script(self, name, *arguments):
        return subprocess.run([ROOT / "scripts" / name, *arguments], env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100)

    def set_up_apt(self, **sources):
        """apt with these files of sources and no other setting."""
        parts = self.folder / "sources.list.d"
        parts.mkdir()
        for name, text in sources.items():
            (parts / name.replace("_", ".")).write_text(text)
        config = self.folder / "apt.conf"
        config.write_text(f'Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "{parts}";\n'
                          f'Dir::State::lists "{self.folder}";\n')
        self.environment["APT_CONFIG"] = str(config)

    def put_before(self, command, text):
        """A stand-in for a command: `REAL` in its text is the real one."""
        real = subprocess.run(["sh", "-c", f"command -v {command}"], capture_output=True,
                              text=True).stdout.strip()
        file = self.folder / command
        file.write_text("#!/bin/sh\n" + text.replace("REAL", real or "false"))
        file.chmod(0o755)
        self.environment["PATH"] = f"{self.folder}:{os.environ['PATH']}"

    def assert_missing(self, package):
        outcome = self.run_script("test", "--no-install")
        self.assertEqual(outcome.returncode, 3, outcome.stdout + outcome.stderr)
        self.assertRegex(outcome.stderr, rf"install --no-install-recommends .*\b{package}\b")

    def test_misses_certificates(self):
        self.put_before("dpkg-query",
                        'for last; do :; done\n[ "$last" != ca-certificates ] && exec REAL "$@"\n')
        self.assert_missing("ca-certificates")

    def test_misses_the_runtime_of_clang(self):
        self.put_before("clang++", "echo /nonexistent\n")
        self.assert_missing("libclang-rt-dev")

    def test_misses_what_fills_a_virtual_environment(self):
        self.put_before("python3", 'case $* in *ensurepip*) exit 1 ;; esac\nexec REAL "$@"\n')
        self.assert_missing("python3-venv")

    def test_refuses_what_it_does_not_know(self):
        for name, *arguments in (["test", "--all"], ["test", "--label"], ["test", "--minutes", "0"],
                                 ["check_bare", "11"], ["check_bare", "--mirror", "mirror"],
                                 ["format", "--all"]):
            with self.subTest(script=name, arguments=arguments):
                outcome = self.run_script(name, *arguments)
                self.assertEqual(outcome.returncode, 2, outcome.stdout)
                self.assertEqual(outcome.stderr.count("\n"), 1, outcome.stderr)

    def test_finds_the_mirror_in_lines(self):
        self.set_up_apt(debian_list=ONE_LINE)
        self.assertIn("Debian 12 (bookworm) from http://mirror.invalid/debian/,",
                      self.run_script("check_bare", "12", "--dry-run").stdout)

    def test_finds_the_mirror_in_paragraphs(self):
        self.set_up_apt(a_list=UBUNTU, debian_sources=DEB822)
        self.assertIn("Debian 13 (trixie) from https://mirror.invalid/debian/,",
                      self.run_script("check_bare", "13", "--dry-run").stdout)

    def test_says_so_without_a_mirror(self):
        self.set_up_apt(ubuntu_list=UBUNTU)
        outcome = self.run_script("check_bare", "12")
        self.assertEqual(outcome.returncode, 3)
        self.assertIn("no Debian 12 can be made here", outcome.stderr)
        here = self.run_script("check_bare", "12", "--or-here", "--", "--help")
        self.assertEqual(here.returncode, 0, here.stderr)
        self.assertIn("RUNNING ON THIS MACHINE INSTEAD", here.stdout)
        self.assertIn("Usage: scripts/test", here.stdout)

    def compare(self, *arguments):
        """compare_pytorch.py where PyTorch cannot be imported and a file stands for the harness."""
        (self.folder / "torch.py").write_text("raise ModuleNotFoundError('torch')\n")
        (self.folder / "harness").write_text("")
        self.environment["PYTHONPATH"] = str(self.folder)
        script = ROOT / "scripts" / "compare_pytorch.py"
        return subprocess.run([sys.executable, "-B", script, "--harness", self.folder / "harness",
                               *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=100)

    def test_compares_only_what_it_can(self):
        (self.folder / "empty.md").write_text("# Speed\n")
        for code, sentence, *arguments in (
                (2, "not to be compared at once (e1,e4)", "--experiment", "e1,e4"),
                (2, "not to be compared at once (e9)", "--experiment", "e9"),
                (2, "not to be compared at once (e1,e1)", "--experiment", "e1,e1"),
                (2, "its table is of e1,e2,e3 (e2)", "--experiment", "e2", "--readme"),
                (2, "no such number (0); need a whole one from 1", "--threads", "1,0"),
                (2, "no such number (x); need a whole one from 1", "--rounds", "x"),
                (3, "its table has no place", "--readme", self.folder / "empty.md"),
                (3, "No such file", "--readme", self.folder / "missing.md"),
                (3, "there is no harness", "--harness", self.folder / "missing"),
                (2, "PyTorch is not installed", "--experiment", "e4")):
            with self.subTest(arguments=arguments):
                outcome = self.compare(*arguments)
                self.assertEqual(outcome.returncode, code, outcome.stderr)
                self.assertIn(sentence, outcome.stderr)
                self.assertEqual(outcome.stderr.count("\n"), 1, outcome.stderr)

    def test_tables_have_a_place_in_the_document(self):
        tables = scripts_module("speed_tables")
        script = scripts_module("compare_pytorch")
        document = ROOT / "libnorm" / "SPEED.md"
        for scale in (script.RECALL, script.ENCODER):
            name = ",".join(scale.experiments)
            written = tables.replaced(document.read_text(), name, "the table")
            begin, end = tables.markers(name)
            self.assertIn(f"{begin}\nthe table\n{end}\n", written)
            self.assertEqual(tables.replaced(written, name, "the table"), written)

    def test_writes_the_table_of_a_comparison(self):
        tables = scripts_module("speed_tables")
        samples = {"torch": {"layernorm": {2: [(40.0, None), (50.0, None), (60.0, None)]},
                             "none": {2: [(120.0, None)]}},
                   "ours": {"layernorm": {1: [(2.0, 0.5)], 2: [(1.0, 0.8), (1.5, 0.6)]},
                            "none": {1: [(20.0, 0.9)]}},
                   # Stopped before these were timed.
                   "ours_dense": {"layernorm": {1: []}, "none": {}}}
        rows = tables.summarize(samples, statistics.median)
        file = self.folder / "speed.md"
        begin, end = tables.markers("e1")
        file.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
        tables.write_section(file, "e1", tables.section("On a machine.", rows))
        self.assertEqual(file.read_text(), f"""\
before
{begin}
On a machine.

| arm | PyTorch | libnorm | ratio | of peak | libnorm `--dense` | ratio | of peak |
| --- | --- | --- | --- | --- | --- | --- | --- |
| layernorm | 50 [2] | 1.25 [2] | 40 | 70% | - | - | - |
| none | 120 [2] | 20 [1] | 6.0 | 90% | - | - | - |
{end}
after
""")
        self.assertIn("layernorm", tables.plain_table(rows))
        for text in (f"{end}\n{begin}\n", begin, f"{begin}\n{begin}\n{end}"):
            with self.assertRaises(tables.MarkerError):
                tables.replaced(text, "e1", "new")

    def test_looks_for_the_best_form_on_few(self):
        script = scripts_module("compare_pytorch")
        tried = []

        def time(form):
            tried.append(form)
            if form.compiled:
                return float("inf")
            return (10 - 2 * (form.attention == "explicit") - (form.adam == "foreach")
                    + 3 * (form.threads == 2))

        best = script.best_form(time, True, [1, 2])
        self.assertEqual(best, ("explicit", "foreach", False, 1))
        self.assertEqual(len(tried), len(set(tried)))
        self.assertEqual(len(tried), 7)

    def test_refuses_what_is_no_bench(self):
        script = scripts_module("compare_pytorch")
        harness = self.folder / "harness"
        options = SimpleNamespace(harness=harness, experiment=["e1"], arms=["layernorm"],
                                  scale=script.RECALL)
        row = {"experiment": "e1", "arm": "layernorm", "batch": 128, "on": "avx2",
               "ms_per_step": 1.0, "peak_fraction": 0.5}
        for answer, sentence in (
                ("garbage", "printed no list of rows"), (json.dumps([{}]), "no list of rows"),
                ("[]", "timed other arms"), (json.dumps([{**row, "batch": 64}]), "batches of"),
                (json.dumps([row, row]), "need one row each")):
            harness.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n")
            harness.chmod(0o755)
            with self.assertRaisesRegex(script.HarnessError, sentence):
                script.bench(options, 1, dense=False)
        harness.write_text(f"#!/bin/sh\necho \"$@\" >&2; echo '{json.dumps([row])}'\n")
        self.assertEqual(script.bench(options, 1, dense=True), [row])

    def test_lists_heavy_tests_as_disabled(self):
        cache = (BUILD / "CMakeCache.txt").read_text()
        wanted = re.search(r"^LIBNORM_HEAVY_TESTS:STRING=(.*)$", cache, re.MULTILINE)[1].split(";")
        heavy = re.search(r"^heavy=\((.*)\)$", (ROOT / "scripts/common.sh").read_text(),
                          re.MULTILINE)[1].split()
        listed = subprocess.run(["ctest", "--show-only=json-v1"], cwd=BUILD, check=True,
                                capture_output=True, text=True).stdout
        labels = {}
        for test in json.loads(listed)["tests"]:
            properties = {p["name"]: p["value"] for p in test.get("properties", [])}
            for label in set(properties.get("LABELS", [])) & set(heavy):
                labels.setdefault(label, []).append(test["name"])
                if label not in wanted:
                    self.assertTrue(properties.get("DISABLED"), test["name"])
        self.assertEqual(sorted(labels), sorted(heavy), "labels that mark no test")
        usage = self.run_script("test", "--help").stdout
        for label in heavy:
            self.assertRegex(usage, rf"(?m)^  {label} +\S")


class FakeGpu:
    """An archive of verify_gpu with stand-ins for its programs."""

    PASSES = 'echo "[==========] 6 tests from 1 test suite ran."\n'
    SAME = ('case "$*" in --version) echo norm-harness 9.9;; bench*) echo "e1 layernorm 1.5 1 1 40%";; '
            '*) echo "layernorm 0 same bits";; esac\n')

    def __init__(self, test):
        self.test = test
        self.root = test.folder / "archive"
        for folder in ("scripts", "build/cuda/bin", "build/cuda/lib", "golden"):
            (self.root / folder).mkdir(parents=True)
        for name in ("verify_gpu", "common.sh", "record_gpu.py"):
            shutil.copy(ROOT / "scripts" / name, self.root / "scripts" / name)
        self.put("norm-harness", self.SAME)
        for name in ("gemm", "ops", "model"):
            self.put(f"gpu_device_{name}_test", self.PASSES)
        test.put_before("nvidia-smi", 'case "$*" in -L) echo "GPU 0: Fake";; *driver*) echo 600.1;; '
                                      '*) echo "Fake 9000, 8 MiB, 9.0";; esac\n')
        test.put_before("compute-sanitizer", 'echo "== ERROR SUMMARY: 0 errors"\n')

    def put(self, name, text):
        file = self.root / "build/cuda/bin" / name
        file.write_text("#!/bin/sh\n" + text)
        file.chmod(0o755)

    def run(self, *arguments):
        return subprocess.run([self.root / "scripts/verify_gpu", "--data", "/nowhere", *arguments],
                              env=self.test.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=100)

    def steps(self):
        record = json.loads((self.root / "out/gpu/verify_gpu.json").read_text())
        return {step["step"]: step for step in record["steps"]}


class Gpu(unittest.TestCase):
    setUp, put_before = Scripts.setUp, Scripts.put_before

    def test_gpu_absent(self):
        gpu = FakeGpu(self)
        self.put_before("nvidia-smi", 'echo "NVIDIA-SMI has failed"; exit 9\n')
        outcome = gpu.run()
        self.assertEqual(outcome.returncode, 3)
        self.assertEqual(outcome.stderr, "scripts/verify_gpu: no GPU: nvidia-smi finds none (NVIDIA-SMI "
                                         "has failed); need one that the driver can use\n")
        self.assertEqual(outcome.stdout, "")

    def test_gpu_steps(self):
        gpu = FakeGpu(self)
        outcome = gpu.run()
        steps = gpu.steps()
        self.assertEqual(outcome.returncode, 4, outcome.stdout + outcome.stderr)
        self.assertEqual([s for s in steps if steps[s]["status"] != "passed"], ["quick"])
        self.assertEqual(list(steps), ["gemm", "ops", "model", "smoke", "paper", "quick", "bench", "cublas",
                                       "memcheck", "racecheck", "sharing"])
        self.assertEqual(steps["gemm"]["detail"], "6 tests")
        self.assertEqual(steps["smoke"]["detail"], "1 same bits, 0 differ")
        self.assertEqual(steps["sharing"]["detail"], "2 same bits, 0 differ")
        self.assertEqual(steps["bench"]["detail"], "e1 layernorm 1.5 ms, at best 40% of the peak")
        self.assertEqual(steps["memcheck"]["detail"], "0 errors")
        (self.folder / "train.csv").write_text("")
        outcome = gpu.run("--data", str(self.folder))
        self.assertEqual(outcome.returncode, 0, outcome.stdout + outcome.stderr)

    def test_gpu_differs(self):
        gpu = FakeGpu(self)
        gpu.put("norm-harness", 'echo "layernorm 0 DIFFERS"; [ "$1" = --version ]\n')
        outcome = gpu.run()
        self.assertEqual(outcome.returncode, 1)
        self.assertIn("0 same bits, 1 differ", gpu.steps()["smoke"]["detail"])
        self.assertEqual(gpu.steps()["gemm"]["status"], "passed")

    def test_gpu_hangs(self):
        gpu = FakeGpu(self)
        self.put_before("timeout", 'shift 2; exec REAL --kill-after=1 1 "$@"\n')
        gpu.put("gpu_device_ops_test", "exec sleep 60\n")
        outcome = gpu.run()
        self.assertEqual(outcome.returncode, 4, outcome.stdout + outcome.stderr)
        self.assertEqual(gpu.steps()["ops"]["status"], "cut")
        self.assertEqual(gpu.steps()["sharing"]["status"], "passed")

    def test_gpu_old_driver(self):
        gpu = FakeGpu(self)
        sentence = "cuda: the driver is too old (12.2); need 13.0 or later"
        for name in ("norm-harness", *(f"gpu_device_{n}_test" for n in ("gemm", "ops", "model"))):
            gpu.put(name, f'[ "$1" = --version ] || {{ echo "{sentence}" >&2; exit 3; }}\n')
        self.put_before("compute-sanitizer", "exit 3\n")
        outcome = gpu.run()
        self.assertEqual(outcome.returncode, 3, outcome.stdout + outcome.stderr)
        self.assertIn(sentence, gpu.steps()["smoke"]["detail"])
        self.assertEqual(gpu.steps()["smoke"]["status"], "could not check")

    def test_gpu_archive_is_short(self):
        gpu = FakeGpu(self)
        (gpu.root / "build/cuda/bin/gpu_device_ops_test").unlink()
        outcome = gpu.run()
        self.assertEqual(outcome.returncode, 3)
        self.assertIn("the archive lacks build/cuda/bin/gpu_device_ops_test", outcome.stderr)

    def test_gpu_record(self):
        gpu = FakeGpu(self)
        (gpu.root / "libnorm").mkdir()
        for name in ("libnorm/CUDA.md", "README.md"):
            shutil.copy(ROOT / name, gpu.root / name)
        gpu.run()
        record = gpu.root / "out/gpu/verify_gpu.json"
        for _ in range(2):
            outcome = gpu.run("--record", str(record))
            self.assertEqual(outcome.returncode, 0, outcome.stderr)
        for name in ("libnorm/CUDA.md", "README.md"):
            lines = (gpu.root / name).read_text().splitlines()
            self.assertEqual(len([x for x in lines if x.startswith("| Fake 9000, 8 MiB, 9.0 |")]), 1)
        content = json.loads(record.read_text())
        for change, code in (({"emulated": True}, 2), ({"row": "| x |"}, 3), ({"device": "<b>"}, 3),
                             ({"steps": None}, 3)):
            record.write_text(json.dumps({**content, **change}))
            self.assertEqual(gpu.run("--record", str(record)).returncode, code, change)
        record.write_text("no JSON")
        self.assertEqual(gpu.run("--record", str(record)).returncode, 3)

    def test_gpu_usage(self):
        gpu = FakeGpu(self)
        for words in (["--minutes", "0"], ["--minutes", "x"], ["--pack", "x.zip"], ["--nothing"], ["--output"]):
            outcome = gpu.run(*words)
            self.assertEqual(outcome.returncode, 2, words)
            self.assertEqual(outcome.stderr.count("\n"), 1)



if __name__ == "__main__":
    ROOT, BUILD = map(pathlib.Path, sys.argv[1:3])
    unittest.main(argv=["scripts_test.py", *sys.argv[3:]])
