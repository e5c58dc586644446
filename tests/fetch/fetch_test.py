"""What scripts/fetch_data makes of servers that fail, on small files that stand in for the data.

    python3 fetch_test.py SCRIPT [Fetch.test_name ...]
"""

import fcntl
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from server import Server

TRAIN, TEST, VOCABULARY = "ag_news/train.csv", "ag_news/test.csv", "wordpiece/vocab.txt"
FILES = {
    TRAIN: b'"1","stand-in","to train"\n' * 5000,
    TEST: b'"2","stand-in","to test"\n' * 100,
    VOCABULARY: b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n" + b"".join(b"word%d\n" % i for i in range(500)),
}
MOST_REQUESTS = 8
MOST_IN_VAIN = 3


class Fetch(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.output = self.folder / "data"
        self.sums = self.folder / "sums"
        self.sums.write_text(
            "".join(f"{hashlib.sha256(FILES[f]).hexdigest()}  {f}\n" for f in FILES))
        self.server = Server(dict(FILES))
        self.addCleanup(self.server.close)

    def fetch(self, *arguments, url=None):
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        environment["NO_PROXY"] = "*"
        return subprocess.run(
            [SCRIPT, "--no-install", "--output", "data", "--base-url", url or self.server.url,
             "--sums", "sums", *arguments],
            cwd=self.folder, env=environment, capture_output=True, text=True, timeout=100)

    def assert_whole(self, outcome):
        self.assertEqual(outcome.returncode, 0, outcome.stdout + outcome.stderr)
        for file, content in FILES.items():
            self.assertEqual((self.output / file).read_bytes(), content)
        self.assertEqual(self.left_over(), [])

    def assert_refused(self, outcome, *words):
        self.assertEqual(outcome.returncode, 3, outcome.stdout + outcome.stderr)
        for word in words:
            self.assertIn(word, outcome.stderr)
        self.assertEqual(outcome.stderr.count("\n"), 1, outcome.stderr)

    def left_over(self):
        """All files but those that were asked for."""
        found = (p.relative_to(self.output).as_posix() for p in self.output.rglob("*")
                 if p.is_file())
        return sorted(set(found) - set(FILES))

    def part(self, file):
        path = self.output / file
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.parent / f".{path.name}.part"

    def asked(self, file):
        return [begin for path, begin in self.server.requests if path == file]

    def test_gets_all_once(self):
        self.assert_whole(self.fetch())
        self.assertEqual(sorted(self.server.requests), sorted((f, 0) for f in FILES))
        again = self.fetch()
        self.assert_whole(again)
        self.assertIn("there already", again.stdout)
        self.assertEqual(len(self.server.requests), len(FILES))

    def test_goes_on_after_a_cut(self):
        self.server.faults[TRAIN]["cut"] = 2
        self.assert_whole(self.fetch())
        size = len(FILES[TRAIN])
        self.assertEqual(self.asked(TRAIN), [0, size // 2, size // 2 + size // 4])

    def test_goes_on_where_another_start_ended(self):
        self.part(TRAIN).write_bytes(FILES[TRAIN][:1000])
        self.assert_whole(self.fetch())
        self.assertEqual(self.asked(TRAIN), [1000])

    def test_keeps_what_arrived_when_it_gives_up(self):
        self.server.faults[TRAIN]["cut"] = 1000
        self.assert_refused(self.fetch(), TRAIN, "start again later")
        self.assertEqual(len(self.asked(TRAIN)), MOST_REQUESTS)
        self.assertFalse((self.output / TRAIN).exists())
        self.server.faults[TRAIN] = {}
        self.assert_whole(self.fetch())
        self.assertGreater(self.asked(TRAIN)[-1], len(FILES[TRAIN]) // 2)

    def test_does_without_ranges(self):
        self.server.faults[TRAIN].update(cut=1, ranges=False)
        self.assert_whole(self.fetch())
        self.assertEqual(self.asked(TRAIN)[-1], 0)

    def test_takes_a_part_that_is_whole(self):
        self.part(TRAIN).write_bytes(FILES[TRAIN])
        self.assert_whole(self.fetch())
        self.assertEqual(self.asked(TRAIN), [])

    def test_starts_anew_where_the_part_does_not_fit(self):
        for content in (b"x" * 1000, b"x" * len(FILES[TRAIN]), FILES[TRAIN] + b"more"):
            with self.subTest(size=len(content)):
                (self.output / TRAIN).unlink(missing_ok=True)
                self.part(TRAIN).write_bytes(content)
                self.assert_whole(self.fetch())

    def test_refuses_wrong_bytes(self):
        wrong = b"<html>log in</html>"
        self.server.faults[TEST]["wrong"] = wrong
        self.assert_refused(self.fetch(), TEST, hashlib.sha256(wrong).hexdigest(),
                            hashlib.sha256(FILES[TEST]).hexdigest())
        self.assertFalse((self.output / TEST).exists())
        self.assertEqual(self.left_over(), [])
        self.assertEqual(len(self.asked(TEST)), 1)

    def test_leaves_alone_what_it_does_not_know(self):
        self.part(TEST)
        (self.output / TEST).write_bytes(b"mine")
        self.assert_refused(self.fetch(), TEST, "move it away")
        self.assertEqual((self.output / TEST).read_bytes(), b"mine")

    def test_says_so_without_a_server(self):
        url = self.server.url
        self.server.close()
        self.assert_refused(self.fetch(url=url), "no network, or its server is down")

    def test_says_so_without_the_file(self):
        del self.server.files[VOCABULARY]
        self.assert_refused(self.fetch(), "HTTP 404", VOCABULARY)
        self.assertEqual(len(self.asked(VOCABULARY)), 1)

    def test_waits_for_a_busy_server(self):
        self.server.faults[TEST]["busy"] = 2
        self.assert_whole(self.fetch())

    def test_gives_up_a_transfer_that_stands_still(self):
        self.server.faults[TEST]["stall"] = True
        self.assert_refused(self.fetch("--stall", "1"), TEST, "start again later")
        self.assertEqual(len(self.asked(TEST)), MOST_IN_VAIN)

    def test_keeps_out_of_a_folder_in_use(self):
        self.output.mkdir()
        folder = os.open(self.output, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)
        self.assert_refused(self.fetch(), "another fetch_data")

    def test_teaches_and_refuses_wrong_usage(self):
        outcome = self.fetch("--help")
        self.assertEqual(outcome.returncode, 0)
        self.assertIn("Usage: scripts/fetch_data", outcome.stdout)
        for arguments in (["--frob"], ["--output"], ["--stall", "0"], ["--base-url", "ftp://x"],
                          ["--sums", "none"]):
            outcome = self.fetch(*arguments)
            self.assertEqual(outcome.returncode, 2, arguments)
            self.assertEqual(outcome.stderr.count("\n"), 1, outcome.stderr)
        self.assertEqual(self.server.requests, [])


if __name__ == "__main__":
    SCRIPT = os.path.abspath(sys.argv.pop(1))
    unittest.main()
