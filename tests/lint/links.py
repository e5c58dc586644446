#!/usr/bin/env python3
"""Checks that relative links lead somewhere.

    python3 links.py ROOT [HTML]

Without HTML: of every guide (.md) under ROOT, the relative links and pictures, and the words in
backticks that are a path from ROOT (`libnorm/core/launch.hpp`). With HTML, a folder that Doxygen made:
every relative link in it, and the place within the page that it names.
"""

import html.parser
import os
import pathlib
import re
import sys
import urllib.parse

# What is built, fetched or made by runs is no part of the tree.
NOT_OURS = {"build", "data", "out", ".git"}
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(libnorm|harness|golden|scripts|tests)/[\w./-]+")


def is_relative(target):
    return not urllib.parse.urlsplit(target).scheme and not target.startswith("//")


def guides(root):
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(set(folders) - NOT_OURS)
        for name in sorted(files):
            if name.endswith(".md"):
                yield pathlib.Path(folder, name)


def anchors_of(guide):
    """The places in a guide, as GitHub names them."""
    headings = re.findall(r"^#+ +(.*)$", FENCE.sub("", guide.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
            for heading in headings}


def faults_of_guide(root, guide):
    text = FENCE.sub("", guide.read_text())
    for target in LINK.findall(CODE.sub("", text)):
        if not is_relative(target):
            continue
        path, _, place = target.partition("#")
        file = guide.parent / urllib.parse.unquote(path) if path else guide
        if not file.exists():
            yield f"{target} is not there"
        elif place and place not in anchors_of(file):
            yield f"{target}: {path or guide.name} has no heading `{place}`"
    # A changelog also names what is gone.
    words = [] if guide.name == "CHANGELOG.md" else CODE.findall(text)
    for word in words:
        if PATH.fullmatch(word) and not (root / word).exists():
            yield f"`{word}` is not there"


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.places = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if value and (name in ("href", "src") or (name == "data" and tag == "object")):
                self.links.append(value)
            elif name == "id" or (name == "name" and tag == "a"):
                self.places.add(value)


# Doxygen links to this list of a class also where it leaves it out, as all that is nested is private.
PRIVATE = "#nested-classes"


def faults_of_site(folder):
    pages = {file: Page(file.read_text(errors="replace")) for file in folder.rglob("*.html")}
    for file, page in sorted(pages.items()):
        for link in page.links:
            if not is_relative(link) or link == PRIVATE:
                continue
            parts = urllib.parse.urlsplit(link)
            target = file.parent / urllib.parse.unquote(parts.path) if parts.path else file
            target = pathlib.Path(os.path.normpath(target))
            if not target.exists():
                yield f"{file.relative_to(folder)}: {link} is not there"
            elif parts.fragment and target in pages and \
                    urllib.parse.unquote(parts.fragment) not in pages[target].places:
                yield f"{file.relative_to(folder)}: {link}: no such place in that page"


def main(root, site=None):
    if site is None:
        checked = list(guides(root))
        faults = [f"{guide.relative_to(root)}: {fault}" for guide in checked
                  for fault in faults_of_guide(root, guide)]
    else:
        checked = list(site.rglob("*.html"))
        faults = list(faults_of_site(site))
    if not checked:
        faults.append(f"nothing to check in {site or root}")
    for fault in faults:
        print(f"lint: {fault}")
    print(f"lint: {len(checked)} pages, {len(faults)} links to nowhere")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*map(pathlib.Path, sys.argv[1:3])))
