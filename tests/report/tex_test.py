#!/usr/bin/env python3
"""What `norm-harness report --paper` writes, in a LaTeX document.

Usage: tex_test.py NORM_HARNESS GOLDEN
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HARNESS, GOLDEN = sys.argv[1:3]


class Paper(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name) / "paper"
        subprocess.run([HARNESS, "report", "--results", "golden", "--golden", GOLDEN, "--paper",
                        cls.folder], check=True, stdout=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def test_the_document_compiles_with_every_figure(self):
        done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error",
                               "-no-shell-escape", "example.tex"], cwd=self.folder,
                              env={**os.environ, "max_print_line": "1000"},
                              capture_output=True, text=True, errors="replace", check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:])
        for figure in self.folder.glob("figure*.pdf"):
            self.assertIn(figure.name, done.stdout)
        pages = re.search(r"Output written on example.pdf \((\d+) pages", done.stdout)
        self.assertGreater(int(pages[1]), 10)

    def test_figures_are_one_and_two_columns_wide(self):
        wide = list(self.folder.glob("figure*-two_columns.pdf"))
        narrow = list(self.folder.glob("figure*-one_column.pdf"))
        self.assertEqual(len(wide), len(narrow))
        self.assertGreater(len(wide), 10)
        for files, inches in ((wide, 7), (narrow, 3.5)):
            for file in files:
                box = re.search(rb"/MediaBox\s*\[\s*0 0 ([0-9.]+)", file.read_bytes())
                self.assertAlmostEqual(float(box[1]), 72 * inches, delta=1, msg=file.name)

    def test_the_table_has_every_claim(self):
        table = (self.folder / "verdicts.tex").read_text()
        self.assertEqual(table.count(r"\\"), 12)
        self.assertIn("e1.isotropy", table)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
