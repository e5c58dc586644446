"""Sweeps on a real Slurm with two virtual nodes. Usage: cluster_test.py SOURCE NORM_HARNESS [test...]"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import slurm

SOURCE, HARNESS = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
TWELVE = "e1,e2 --profile smoke --seeds 3"


class Sweeps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="libnorm-cluster."))
        cls.cluster = slurm.Cluster(cls.scratch / "slurm")
        (cls.scratch / "slurm").mkdir()
        # Registered first: what was started is ended even if the rest is not.
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()

    def setUp(self):
        """A checkout to work in, whose tool is the one under test."""
        self.folder = self.scratch / self._testMethodName
        (self.folder / "build/release/bin").mkdir(parents=True)
        (self.folder / "build/release/bin/norm-harness").symlink_to(HARNESS)
        shutil.copytree(SOURCE / "scripts", self.folder / "scripts")
        (self.folder / "golden").symlink_to(SOURCE / "golden")

    def tearDown(self):
        self.cluster.call("scancel", "--full", "-u", "root", check=False)
        self.cluster.wait_for_end(60)
        if not self._outcome.success:
            for log in sorted(self.folder.glob("**/*.log")):
                print(f"--- {log}\n{log.read_text(errors='replace')[-2000:]}", file=sys.stderr)

    # What tests do.

    def harness(self, *words, code=0):
        done = subprocess.run([str(HARNESS), *words], cwd=self.folder, text=True, check=False,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=600)
        if code is not None:
            self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def plan(self, what, *more):
        self.harness("plan", *what.split(), "--output", "p", "--store", "s", *more)

    def submit(self, *more):
        """Returns the numbers of the array and of the report."""
        told = self.cluster.call("scripts/submit", "p", "--time", "10", *more, cwd=self.folder)
        return re.search(r"job (\d+): \d+ tasks; job (\d+): the report", told).groups()

    def status(self):
        return json.loads(self.harness("status", "p", "--json", code=None))

    def weights(self, store):
        runs = json.loads(self.harness("show", "--json", "--store", store))
        return {(r["arm"], r["seed"], r["spec_sha256"]): r["weights_sha256"] for r in runs}

    def assert_equals_one_process(self, what):
        self.assertEqual(self.status()["done"], len(self.status()["runs"]), self.status())
        self.harness("run", *what.split(), "--quiet", "--store", "whole", "--threads", "2")
        self.assertEqual(self.weights("s"), self.weights("whole"))

    def wait_for_training(self, count=1):
        self.cluster.wait(lambda: self.status()["running"] >= count, 90, f"{count} runs at work")

    def wait_for_checkpoint(self):
        self.cluster.wait(lambda: list((self.folder / "s").glob("runs/*/checkpoint.bin"))
                          or list((self.folder / "s").glob("runs/*/attempt-*/checkpoint.bin")),
                          90, "checkpoint")

    def log(self):
        return "".join(log.read_text() for log in self.folder.glob("p.out/task_*.log"))

    # Tests.

    def test_an_array_of_four_tasks_equals_one_process(self):
        self.plan(TWELVE)
        self.assertEqual(len(self.status()["runs"]), 12)
        self.submit("--tasks", "4")
        self.cluster.wait_for_end()
        self.assert_equals_one_process(TWELVE)
        nodes = {run["node"] for run in self.status()["runs"]}
        self.assertEqual(nodes, {"n1", "n2"}, "both nodes made runs")

    def test_the_report_follows_the_tasks(self):
        self.plan(TWELVE)
        _, report = self.submit("--tasks", "2")
        self.assertIn(report, self.cluster.jobs())
        self.cluster.wait_for_end()
        self.assertIn("12 of 12 runs are done", (self.folder / "p.out/report.log").read_text())
        self.assertTrue((self.folder / "p.out/report.html").exists())
        self.assertTrue(list((self.folder / "p.out/figures").glob("*.svg")))

    def test_a_task_that_is_requeued_goes_on_to_the_same_bits(self):
        what = "e1 --profile smoke --steps 60000 --arms layernorm"
        self.plan(what)
        array, _ = self.submit("--tasks", "1", "--signal=B:USR1@1")
        self.wait_for_training()
        time.sleep(3)
        # As the batch script is signalled before its time is over.
        self.cluster.call("scancel", "--batch", "--signal=USR1", f"{array}_1")
        self.cluster.wait_for_end()
        self.assertIn("JobState=RUNNING", self.log())
        self.assertIn("resumes at step", self.log())
        self.assertIn("1 of 1 runs are done", (self.folder / "p.out/report.log").read_text(),
                      "the report waits for a task that was requeued")
        self.assert_equals_one_process(what)

    def test_a_task_that_is_cancelled_leaves_its_run_to_another(self):
        what = "e1 --profile smoke --steps 60000 --arms layernorm"
        self.plan(what)
        array, _ = self.submit("--tasks", "1")
        self.wait_for_training()
        time.sleep(3)
        self.cluster.call("scancel", f"{array}_1")
        self.cluster.wait(lambda: self.status()["running"] == 0, 60, "released run")
        self.cluster.wait_for_end()
        status = self.status()
        self.assertEqual((status["done"], status["missing"]), (0, 1), "it was not requeued")
        self.assertTrue(status["runs"][0]["has_checkpoint"])
        self.submit("--tasks", "1")
        self.cluster.wait_for_end()
        self.assertIn("resumes at step", self.log())
        self.assert_equals_one_process(what)

    def test_a_time_limit_shorter_than_a_run(self):
        what = "e1 --profile smoke --steps 60000 --arms layernorm"
        self.plan(what)
        # The end of its job is a minute away, and a task may say less.
        self.cluster.call("sbatch", "--time=1", "--array=1-1", "--requeue", "--open-mode=append",
                          "--output=p.out.log", "scripts/sweep_job", "task", str(self.folder),
                          str(self.folder / "p"), "--until", "8", cwd=self.folder)
        self.cluster.wait_for_end(300)
        log = (self.folder / "p.out.log").read_text()
        self.assertGreaterEqual(log.count("resumes at step"), 1, log)
        self.assert_equals_one_process(what)

    def test_a_task_knows_the_end_of_its_job(self):
        what = "e1 --profile smoke --steps 600000 --arms layernorm"
        self.plan(what)
        begun = time.monotonic()
        self.cluster.call("sbatch", "--time=1", "--no-requeue", "--output=p.out.log", "--wrap",
                          f"{HARNESS} run --plan p --threads 1; echo code $?", cwd=self.folder)
        self.cluster.wait_for_end(120)
        self.assertIn("code 4", (self.folder / "p.out.log").read_text())
        self.assertGreater(time.monotonic() - begun, 20, "it used its time")
        self.assertTrue(self.status()["runs"][0]["has_checkpoint"])

    def test_a_node_that_dies_and_comes_back(self):
        what = "e1 --profile smoke --steps 20000 --seeds 2"
        self.plan(what)
        self.submit("--tasks", "2")
        self.wait_for_training(2)
        time.sleep(2)
        self.cluster.kill_node("n2")
        time.sleep(2)
        self.cluster.start_node("n2")
        self.cluster.wait_for_end(300)
        self.assert_equals_one_process(what)

    def test_two_tasks_on_one_run_make_it_once(self):
        for locks in ("flock", "lease:30"):
            with self.subTest(locks=locks):
                what = "e1 --profile smoke --steps 20000 --arms layernorm"
                shutil.rmtree(self.folder / "s", ignore_errors=True)
                shutil.rmtree(self.folder / "p.out", ignore_errors=True)
                shutil.rmtree(self.folder / "whole", ignore_errors=True)
                self.plan(what)
                self.submit("--tasks", "2", "--locks", locks)
                self.wait_for_training()
                self.cluster.wait_for_end(300)
                self.assertEqual(self.log().count(" steps in "), 1, self.log())
                self.assert_equals_one_process(what)

    def test_leases_on_two_nodes_outlive_one_of_them(self):
        what = "e1 --profile smoke --steps 20000 --seeds 2"
        self.plan(what)
        self.submit("--tasks", "2", "--locks", "lease:20")
        self.wait_for_training(2)
        self.wait_for_checkpoint_or(5)
        self.cluster.kill_node("n1")
        time.sleep(1)
        self.cluster.start_node("n1")
        self.cluster.wait_for_end(300)
        self.assert_equals_one_process(what)
        self.assertFalse(list((self.folder / "s").glob("runs/*/lease.*")))

    def wait_for_checkpoint_or(self, seconds):
        try:
            self.cluster.wait(lambda: list((self.folder / "s").glob("runs/*/*/checkpoint.bin")),
                              seconds, "checkpoint")
        except TimeoutError:
            pass

    def test_a_full_disk_loses_nothing(self):
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], check=False)
        if mounted.returncode != 0:
            self.skipTest("cannot mount a small file system here")
        self.addCleanup(subprocess.run, ["umount", disk], check=False)
        self.harness("plan", *TWELVE.split(), "--output", "p", "--store", "disk/s")
        self.submit("--tasks", "2")
        self.cluster.wait_for_end()
        self.assertIn("No space left on device", self.log())
        status = self.status()
        self.assertEqual(status["failed"], 0, status)
        self.assertGreater(status["missing"], 0, "the disk was too large for the test")
        subprocess.run(["mount", "-o", "remount,size=500m", disk], check=True)
        self.submit("--tasks", "2")
        self.cluster.wait_for_end()
        self.assertEqual(self.status()["done"], 12)
        self.harness("run", *TWELVE.split(), "--quiet", "--store", "whole")
        self.assertEqual(self.weights("disk/s"), self.weights("whole"))

    def test_the_ten_lines_of_the_page_word_for_word(self):
        page = (SOURCE / "harness/CLUSTER.md").read_text()
        lines = re.search(r"## A first sweep in ten lines.*?```sh\n(.*?)```", page, re.S).group(1)
        self.assertEqual(len(lines.splitlines()), 10)
        # As a shell at a prompt: a line's exit code ends nothing.
        done = subprocess.run(["bash", "-c", lines], cwd=self.folder, env=self.cluster.environment,
                              text=True, capture_output=True, check=False, timeout=600)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        self.assertIn("12 of 12 runs are done", done.stdout)
        self.assertEqual(len(self.weights("out/sweep")), 12)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
