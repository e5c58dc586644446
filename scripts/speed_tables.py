"""Tables of times, and where documents keep them; for compare_pytorch.py. Needs no PyTorch."""

import os
import pathlib
import textwrap

SIDES = ("torch", "ours", "ours_dense")


class MarkerError(Exception):
  """A document has no place for a table."""


def summarize(samples, statistic):
  """One row for each arm: every side at its best thread count, and PyTorch / ours.

  samples[side][arm][threads] are pairs of ms and share of peak, which PyTorch has not. A side
  without samples, as of a comparison that was stopped, is None.
  """
  rows = []
  for arm in samples["torch"]:
    row = {"arm": arm}
    for side in SIDES:
      found = [(statistic([ms for ms, _ in pairs]), threads, [share for _, share in pairs])
               for threads, pairs in samples[side][arm].items() if pairs]
      row[side] = None
      if found:
        ms, threads, shares = min(found, key=lambda item: item[:2])
        row[side] = {"ms_per_step": ms, "threads": threads,
                     "share_of_peak": None if None in shares else statistic(shares)}
    for side, name in (("ours", "ratio"), ("ours_dense", "ratio_dense")):
      row[name] = (row["torch"]["ms_per_step"] / row[side]["ms_per_step"]
                   if row["torch"] and row[side] else None)
    rows.append(row)
  return rows


def cells(row):
  """A row as texts; what was not measured is `-`."""

  def ms(side, threads=False):
    if row[side] is None:
      return "-"
    value = row[side]["ms_per_step"]
    text = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return f"{text} [{row[side]['threads']}]" if threads else text

  def ratio(name):
    value = row[name]
    return "-" if value is None else f"{value:.0f}" if value >= 10 else f"{value:.1f}"

  def share(side):
    value = row[side] and row[side]["share_of_peak"]
    return "-" if value is None else f"{100 * value:.0f}%"

  return [row["arm"], ms("torch", True), ms("ours", True), ratio("ratio"), share("ours"),
          ms("ours_dense", True), ratio("ratio_dense"), share("ours_dense")]


def plain_table(rows):
  head = ["arm", "PyTorch", "ours", "ratio", "of peak", "ours dense", "ratio", "of peak"]
  widths = (10, 12, 12, 6, 8, 12, 6, 8)
  lines = [head] + [cells(row) for row in rows]
  return "\n".join(f"{line[0]:<{widths[0]}}" + "".join(f"{cell:>{width}}" for cell, width
                                                       in zip(line[1:], widths[1:]))
                   for line in lines)


def markdown_table(rows):
  head = ["arm", "PyTorch", "libnorm", "ratio", "of peak", "libnorm `--dense`", "ratio", "of peak"]
  lines = [head, ["---"] * len(head)] + [cells(row) for row in rows]
  return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def markers(name):
  return f"<!-- compare_pytorch.py {name}: begin -->", f"<!-- compare_pytorch.py {name}: end -->"


def replaced(text, name, content):
  """The document with `content` between the markers of a table. Throws: MarkerError."""
  begin, end = markers(name)
  if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
    raise MarkerError(f"its table has no place; need the lines `{begin}` and `{end}`, once each")
  return text[:text.index(begin) + len(begin)] + f"\n{content}\n" + text[text.index(end):]


def section(caption, rows):
  return textwrap.fill(caption, 100, break_long_words=False) + "\n\n" + markdown_table(rows)


def write_section(path, name, content):
  """Replaces a document's table: the file is the old one or the new one at any moment."""
  path = pathlib.Path(path)
  text = replaced(path.read_text(encoding="utf-8"), name, content)
  aside = path.with_name(path.name + ".new")
  aside.write_text(text, encoding="utf-8")
  os.replace(aside, path)
