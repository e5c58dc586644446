#!/usr/bin/env python3
"""The report's page in Chromium: what fits on its first screen, and what makes it readable.

Usage: browser_test.py NORM_HARNESS GOLDEN [FOLDER]
The page and its pictures are left in FOLDER, if one is given.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

from chromium import Chromium

HARNESS, GOLDEN = sys.argv[1:3]
SCREENS = [(width, height, scheme) for width, height in ((1280, 800), (390, 844))
           for scheme in ("light", "dark")]
A4_LANDSCAPE = 1032  # CSS pixels of 297 mm less two margins of 12

# Texts with less contrast to what is behind them than WCAG 2 asks for (AA: 4.5; large ones: 3).
# Pictures are left out: their texts are black on white, or turned round with the picture.
LITTLE_CONTRAST = """
(() => {
  const parse = text => (text.match(/[0-9.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faults = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  while (walker.nextNode()) {
    const text = walker.currentNode, element = text.parentElement;
    if (!text.data.trim() || element.closest('.picture, .thumbnail, style')) continue;
    const style = getComputedStyle(element);
    if (style.visibility === 'hidden' || !element.getClientRects().length) continue;
    ++texts;
    const svg = element.namespaceURI.endsWith('svg');
    const ink = light(parse(svg ? style.fill : style.color)), paper = light(behind(element));
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 600);
    if (ratio < (large ? 3 : 4.5)) faults.push(`${text.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return texts < 500 ? [`only ${texts} texts`] : [...new Set(faults)];
})()
"""

# Pairs of the first screen's boxes that overlap.
OVERLAPS = """
(() => {
  const boxes = [...document.querySelectorAll(
      'h1, .found, .thumbnails a, .matrix tbody tr, header nav')]
      .map(e => [e.tagName + ' ' + e.textContent.trim().slice(0, 20), e.getBoundingClientRect()])
      .filter(([, r]) => r.width > 0);
  const found = [];
  for (let i = 0; i < boxes.length; ++i)
    for (let j = i + 1; j < boxes.length; ++j) {
      const [a, b] = [boxes[i][1], boxes[j][1]];
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
          Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
        found.push(boxes[i][0] + ' / ' + boxes[j][0]);
    }
  return boxes.length < 14 ? ['only ' + boxes.length + ' boxes'] : found;
})()
"""


class ReportPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else cls.scratch.name)
        cls.page = cls.folder / "report.html"
        subprocess.run([HARNESS, "report", "--results", "golden", "--golden", GOLDEN, "--output",
                        cls.page], check=True, stdout=subprocess.DEVNULL)
        cls.browser = Chromium()
        cls.browser.__enter__()
        cls.browser.open(cls.page.as_uri())

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()
        cls.scratch.cleanup()

    def on_each_screen(self, check):
        for width, height, scheme in SCREENS:
            with self.subTest(width=width, scheme=scheme):
                self.browser.show(width, height, scheme)
                self.assertEqual(self.browser.evaluate("innerWidth"), width)
                check(width, height, scheme)

    def test_the_first_screen_has_every_verdict_and_where_it_does_not_hold(self):
        def check(width, height, scheme):
            self.browser.picture(self.folder / f"first_screen_{width}_{scheme}.png")
            ends = self.browser.evaluate(
                "[...document.querySelectorAll("
                "'.found, .matrix .word, .matrix .definitions, .matrix .turn')]"
                ".map(e => e.getBoundingClientRect().bottom)")
            self.assertGreater(len(ends), 1 + 2 * 11)
            self.assertGreater(min(ends), 0)
            self.assertLessEqual(max(ends), height)
        self.on_each_screen(check)

    def test_nothing_is_wider_than_the_screen(self):
        def check(width, *_):
            self.assertLessEqual(
                self.browser.evaluate("document.documentElement.scrollWidth"), width)
        self.on_each_screen(check)
        self.browser.show(A4_LANDSCAPE, 700, media="print")
        check(A4_LANDSCAPE)

    def test_boxes_of_the_first_screen_do_not_overlap(self):
        self.on_each_screen(lambda *_: self.assertEqual(self.browser.evaluate(OVERLAPS), []))

    def test_texts_have_contrast(self):
        def check(*_):
            self.assertEqual(self.browser.evaluate(LITTLE_CONTRAST), [])
        self.on_each_screen(check)
        self.browser.show(A4_LANDSCAPE, 700, "dark", "print")
        check()

    def test_links_lead_somewhere(self):
        links = self.browser.evaluate(
            "[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")
        self.assertGreater(len(links), 100)
        for link in set(links):
            if link.startswith("#"):
                there = f"!!document.getElementById({urllib.parse.unquote(link[1:])!r})"
                self.assertTrue(self.browser.evaluate(there), link)
            elif not link.startswith("https://"):
                self.assertTrue((self.folder / urllib.parse.unquote(link)).is_file(), link)

    def test_headings_go_down_one_level_at_a_time(self):
        levels = self.browser.evaluate(
            "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(h => +h.tagName[1])")
        self.assertEqual(levels[0], 1)
        self.assertEqual(levels.count(1), 1)
        for before, after in zip(levels, levels[1:]):
            self.assertLessEqual(after, before + 1)

    def test_pictures_have_texts(self):
        bare = self.browser.evaluate(
            "[...document.querySelectorAll('svg')].filter(s => !s.closest('[aria-hidden=true]') && "
            "!s.closest('[role=img][aria-label]:not([aria-label=\"\"])')).length")
        self.assertEqual(bare, 0)

    def test_the_keyboard_reaches_everything_in_the_order_of_the_page(self):
        self.browser.show(1280, 800)
        self.browser.open(self.page.as_uri())
        wanted = self.browser.evaluate(
            "[...document.querySelectorAll('a[href], summary, [tabindex]')]"
            ".filter(e => e.tabIndex >= 0 && e.checkVisibility()).slice(0, 40)"
            ".map(e => e.textContent.slice(0, 40))")
        reached = []
        for _ in wanted:
            self.browser.press("Tab", 9)
            reached.append(self.browser.evaluate("document.activeElement.textContent.slice(0, 40)"))
        self.assertEqual(reached, wanted)

    def test_it_needs_no_script_is_small_and_opens_within_a_second(self):
        self.assertEqual(self.browser.evaluate("document.scripts.length"), 0)
        self.assertLess(self.page.stat().st_size, 2_000_000)
        # In seconds of the processor, since other processes may be at work.
        self.browser.call("Performance.enable")
        before = self.browser.processor_time()
        self.browser.open(self.page.as_uri())
        self.browser.evaluate("document.body.getBoundingClientRect().height")
        self.assertLess(self.browser.processor_time() - before, 1)

    def test_it_prints_to_a4_with_the_claims_numbers(self):
        self.browser.show(1280, 800, media="")
        pdf = self.folder / "report.pdf"
        self.browser.pdf(pdf)
        boxes = set(re.findall(rb"/MediaBox \[0 0 ([0-9.]+) ([0-9.]+)\]", pdf.read_bytes()))
        for width, height in boxes:
            self.assertAlmostEqual(float(width), 297 / 25.4 * 72, delta=1)
            self.assertAlmostEqual(float(height), 210 / 25.4 * 72, delta=1)
        self.assertTrue(boxes)
        self.browser.show(A4_LANDSCAPE, 700, media="print")
        unfolded = self.browser.evaluate(
            "[...document.querySelectorAll('.claim details table')].map(t => t.checkVisibility())")
        self.assertEqual(unfolded, [True] * 11)

    def test_it_is_valid(self):
        checked = subprocess.run(["tidy", "-quiet", "-errors", "-utf8", "--drop-empty-elements", "no",
                                  self.page],
                                 capture_output=True, text=True, check=False)
        faults = [line for line in checked.stderr.splitlines()
                  if not re.search(r'proprietary attribute "(xlink|xmlns)', line)]
        self.assertEqual(faults, [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
