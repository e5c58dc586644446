"""What scripts/test and scripts/check_bare find out before they begin.

    python3 scripts_test.py ROOT BUILD [Scripts.test_name ...]
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

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


if __name__ == "__main__":
    ROOT, BUILD = map(pathlib.Path, sys.argv[1:3])
    unittest.main(argv=["scripts_test.py", *sys.argv[3:]])
