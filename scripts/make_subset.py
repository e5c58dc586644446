#!/usr/bin/env python3
"""Writes harness/data/ag_news_subset.bin, which names the rows of AG News's subset.

    python3 scripts/make_subset.py CSV [--output FILE]

CSV has the subset's rows in their order, in AG News's own format. The list has no text in it: a
line `libnorm subset 1 ROWS SHA256_OF_THE_REST ROWS_SHA256`, then for each row the first 8 bytes of
the sha256 of its class (a digit 1 to 4) and text, where text = strip(title + " " + description).
ROWS_SHA256 is that of all rows: the class as a digit, the text's length as 8 bytes, least
significant first, and the text.

It was made once and is committed; it is made anew only if the subset changes.
"""

import argparse
import csv
import hashlib
import pathlib

WHITESPACE = " \t\n\v\f\r"


def rows(path):
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        for label, title, description in csv.reader(file, strict=True):
            text = f"{title} {description}".strip(WHITESPACE)
            yield label.encode(), text.encode("utf-8", "surrogateescape")


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", help="the subset's rows")
    parser.add_argument("--output", default=root / "harness/data/ag_news_subset.bin")
    arguments = parser.parse_args()

    keys = []
    whole = hashlib.sha256()
    for label, text in rows(arguments.csv):
        keys.append(hashlib.sha256(label + text).digest()[:8])
        whole.update(label + len(text).to_bytes(8, "little") + text)
    if len(set(keys)) != len(keys):
        parser.error(f"a row stands there twice ({arguments.csv}); need rows that differ")
    body = b"".join(keys)
    head = f"libnorm subset 1 {len(keys)} {hashlib.sha256(body).hexdigest()} {whole.hexdigest()}\n"
    pathlib.Path(arguments.output).write_bytes(head.encode() + body)
    print(f"{arguments.output}: {len(keys)} rows, rows_sha256 {whole.hexdigest()}")


if __name__ == "__main__":
    main()
