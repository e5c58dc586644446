#!/usr/bin/env python3
"""Times one training step of an experiment in PyTorch and in norm-harness, on this machine.

    python3 scripts/compare_pytorch.py [--experiment e1,e2,e3|e4] [--harness PATH] [--threads LIST]
                                       [--steps N] [--rounds N] [--compile] [--output FILE]
                                       [--readme [FILE]]

PyTorch's side is the published dense model at the published sizes in float32: all positions
(in Experiment 4 padding too) forward, loss, backward, Adam. It gets its fastest form, which is
looked for on one arm: attention (nn.MultiheadAttention without weights, or plain tensor
operations), with --compile each also under torch.compile; then Adam (one tensor at a time, foreach,
fused), which does not depend on that; then the thread count. All arms are timed in the form found.
Its batches are drawn before the clock starts, which favours PyTorch.
Our side is `norm-harness bench`: once as the project trains, once with --dense, which does the
arithmetic PyTorch does; each arm gets its best thread count.

Experiment 4's texts are AG News's where the harness finds them too: in the folder that the
environment's LIBNORM_DATA names, else in data/ of the checkout. Without them both sides take
generated texts, of which PyTorch's have the lengths and frequencies of the harness's topics.

Shared machines are noisy, so the sides take turns, round after round. Two tables are printed: of
medians, and of the fastest samples, which other programs disturb least. A sample is one step of
PyTorch's but a whole bench of ours, so the second table favours PyTorch as well. --readme writes
the medians into libnorm/SPEED.md, or another file, between the markers there.
On two slow cores (AMD Zen 3) e1,e2,e3 take about 4 minutes and e4 about 9; what is left is told on
standard error. Ctrl-C prints what there is. Needs PyTorch (pip install torch), as nothing else in
the project does but make_reference.py. Exit codes: 0 compared; 2 usage, or no PyTorch; 3 no
harness, no usable answer from it, data that are named and incomplete, or a document without
markers; 130 stopped.
"""

import argparse
import collections
import contextlib
import csv
import datetime
import itertools
import json
import math
import os
import pathlib
import platform
import random
import signal
import statistics
import subprocess
import sys
import time

import speed_tables

ROOT = pathlib.Path(__file__).resolve().parent.parent
ATTENTIONS, ADAMS = ("module", "explicit"), ("fused", "foreach", "single")
Form = collections.namedtuple("Form", "attention adam compiled threads")

# experiments: id -> arms of its figure. rates: arm -> learning rate. tries: untimed and timed steps
# of each form tried. steps, rounds, threads: defaults. seconds: of each job, until one has run.
Scale = collections.namedtuple("Scale", "experiments rates vocabulary channels hidden heads blocks "
                               "outputs readout batch positions tries steps rounds threads seconds")
RECALL = Scale(experiments={"e1": ("layernorm", "none"), "e2": ("layernorm", "batchnorm", "none"),
                            "e3": ("layernorm", "batchnorm", "manual_l2", "none")},
               rates={"layernorm": 1e-4, "batchnorm": 1e-4, "manual_l2": 1e-4, "none": 5e-4},
               vocabulary=402, channels=128, hidden=512, heads=1, blocks=1, outputs=402,
               readout=-1, batch=128, positions=41, tries=(2, 10), steps=20, rounds=3,
               threads=[1, 2],
               seconds={"form": 1, "compiled form": 60, "PyTorch": 2, "ours": 13, "dense": 13})
ENCODER = Scale(experiments={"e4": ("layernorm", "manual_l2", "none")},
                rates={"layernorm": 2e-4, "manual_l2": 2e-4, "none": 2e-4}, vocabulary=30522,
                channels=128, hidden=512, heads=4, blocks=6, outputs=4, readout=0, batch=256,
                positions=128, tries=(1, 1), steps=2, rounds=2, threads=[2],
                seconds={"form": 12, "compiled form": 120, "PyTorch": 18, "ours": 46, "dense": 145})


class HarnessError(Exception):
  """The harness is missing, failed, or printed something else than it should."""


class DataError(Exception):
  """AG News is named and is not there."""


def say(text):
  print(f"compare_pytorch: {text}", file=sys.stderr, flush=True)


class Progress:
  """Says what begins, and how long all that is planned will take: each job as long as the last of
  its kind."""

  def __init__(self, seconds, planned):
    self.seconds, self.planned = dict(seconds), collections.Counter(planned)

  @contextlib.contextmanager
  def job(self, kind, text):
    left = sum(self.seconds[kind] * count for kind, count in self.planned.items())
    say(f"{text}; {f'{left:.0f} s' if left < 90 else f'{left / 60:.0f} min'} left")
    start = time.monotonic()
    yield
    self.seconds[kind] = time.monotonic() - start
    self.planned[kind] -= 1


def ag_news_folder():
  """The folder with AG News and a vocabulary; None if nobody named one and there is none."""
  named = os.environ.get("LIBNORM_DATA")
  folder = pathlib.Path(named) if named else ROOT / "data"
  if not named and not folder.is_dir():
    return None
  files = [folder / "ag_news" / "train.csv", folder / "wordpiece" / "vocab.txt"]
  missing = [str(file) for file in files if not file.is_file()]
  if missing:
    raise DataError(f"data: a file is missing ({', '.join(missing)}); need AG News and its "
                    "vocabulary, or LIBNORM_DATA unset")
  return folder


def ag_news_texts(folder, options, count):
  """Drawn rows of the train split, tokenized by the harness: (ids, class) of each."""
  with (folder / "ag_news" / "train.csv").open(encoding="utf-8", newline="") as file:
    rows = random.Random(0).sample(list(csv.reader(file)), count)
  lines = [" ".join(f"{title} {description}".split()) for _, title, description in rows]
  command = [str(options.harness.resolve()), "tokenize", "--vocab",
             str(folder / "wordpiece" / "vocab.txt"), "--length", str(options.scale.positions)]
  done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True,
                        check=False)
  texts = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
  if done.returncode != 0 or len(texts) != count:
    raise HarnessError(f"`{' '.join(command)}` ended with {done.returncode} and {len(texts)} lines "
                       f"({done.stderr.strip()[-300:]}); need 0 and {count}")
  return [(ids, int(row[0]) - 1) for ids, row in zip(texts, rows)]


def make_batches(options, torch_trainer):
  """Returns (batches, what they are)."""
  scale = options.scale
  if scale is RECALL:
    return torch_trainer.recall_batches(scale.batch), "the published task"
  folder, count = ag_news_folder(), 4 * scale.batch
  texts = (ag_news_texts(folder, options, count) if folder else
           torch_trainer.generated_texts(scale.vocabulary, count))
  batches, described = torch_trainer.padded_batches(texts, scale.batch)
  return batches, f"{'AG News' if folder else 'generated texts'}, {described}"


def best_form(try_form, try_compile, threads):
  """The form for which try_form() returns the least; inf is one that fails."""
  found = {}
  compiled = (False, True) if try_compile else (False,)
  for attention, is_compiled in itertools.product(ATTENTIONS, compiled):
    form = Form(attention, ADAMS[0], is_compiled, max(threads))
    found[form] = try_form(form)
  for field, values in (("adam", ADAMS), ("threads", threads)):
    best = min(found, key=found.get)
    for value in values:
      form = best._replace(**{field: value})
      if form not in found:
        found[form] = try_form(form)
  return min(found, key=found.get)


def form_text(form):
  return (f"{form.attention} attention, {form.adam} Adam, "
          f"{'compiled' if form.compiled else 'eager'}, {form.threads} thread(s)")


class Comparison:
  """What has been measured so far: samples as speed_tables takes them."""

  def __init__(self, options, torch_trainer):
    self.options, self.scale, self.module = options, options.scale, torch_trainer
    self.batches, self.texts = make_batches(options, torch_trainer)
    self.samples = {side: {arm: {} for arm in options.arms} for side in speed_tables.SIDES}
    self.form, self.notes, self.trainers, self.place = None, [], {}, "nothing yet"
    self.whole_rounds = 0
    kinds = {"form": 3 + len(options.threads), "compiled form": 2 * options.compile,
             "PyTorch": options.rounds * len(options.arms),
             "ours": options.rounds * len(options.threads)}
    self.progress = Progress(self.scale.seconds, {**kinds, "dense": kinds["ours"]})

  def rounds_text(self):
    done, wanted = self.whole_rounds, self.options.rounds
    return f"{done} round(s)" + (f", STOPPED before the end of {wanted}," if done < wanted else "")

  def note(self, text):
    if text not in self.notes:
      self.notes.append(text)
      say(text)

  def trainer(self, arm, form):
    """One that has trained a step; eager where it cannot be compiled."""
    trainer = self.module.Trainer(self.scale, arm, form, self.batches)
    try:
      trainer.train(1)
    except Exception as error:  # PyTorch has many of its own for a compiler that is missing.
      if not form.compiled:
        raise
      lines = str(error).strip().splitlines() or [""]
      self.note(f"torch.compile fails ({type(error).__name__}: {lines[0][:150]}); {arm} is timed "
                "eager")
      return None
    return trainer

  def time(self, trainer, steps):
    times = []
    for _ in range(steps):
      start = time.perf_counter()
      trainer.train(1)
      times.append((time.perf_counter() - start) * 1e3)
    return times

  def try_form(self, form):
    kind = "compiled form" if form.compiled else "form"
    with self.progress.job(kind, f"tries PyTorch with {form_text(form)}"):
      trainer = self.trainer(self.options.arms[0], form)
      if trainer is None:
        return math.inf
      trainer.train(self.scale.tries[0] - 1)
      return min(self.time(trainer, self.scale.tries[1]))

  def run_torch(self, arm):
    if arm not in self.trainers:
      self.trainers[arm] = (self.trainer(arm, self.form) or
                            self.trainer(arm, self.form._replace(compiled=False)))
    trainer = self.trainers[arm]
    trainer.train(1)
    times = self.time(trainer, self.options.steps)
    self.samples["torch"][arm].setdefault(trainer.threads, []).extend((ms, None) for ms in times)

  def run_harness(self, threads, dense):
    side = "ours_dense" if dense else "ours"
    for row in bench(self.options, threads, dense):
      self.samples[side][row["arm"]].setdefault(threads, []).append(
          (float(row["ms_per_step"]), float(row["peak_fraction"])))
      self.place = row["on"]

  def run(self):
    self.form = best_form(self.try_form, self.options.compile, self.options.threads)
    for kind in ("form", "compiled form"):
      self.progress.planned[kind] = 0
    jobs = [("PyTorch", arm, lambda arm=arm: self.run_torch(arm)) for arm in self.options.arms]
    for kind, threads in itertools.product(("ours", "dense"), self.options.threads):
      jobs.append((kind, f"{threads} thread(s)",
                   lambda threads=threads, kind=kind: self.run_harness(threads, kind == "dense")))
    for self.whole_rounds in range(self.options.rounds):
      # To and fro, so that neither side is always the first.
      for kind, what, work in jobs if self.whole_rounds % 2 == 0 else reversed(jobs):
        text = f"round {self.whole_rounds + 1} of {self.options.rounds}: {kind}, {what}"
        with self.progress.job(kind, text):
          work()
    self.whole_rounds = self.options.rounds


def bench(options, threads, dense):
  """Runs the harness's bench; returns its rows of the arms compared."""
  command = [str(options.harness.resolve()), "bench", "--experiment", ",".join(options.experiment),
             "--arms", ",".join(options.arms), "--threads", str(threads), "--json"]
  command += ["--dense"] if dense else []
  shown = " ".join(command)
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  if done.returncode != 0:
    raise HarnessError(f"`{shown}` ended with {done.returncode} ({done.stderr.strip()[-300:]}); "
                       "need 0")
  try:
    rows = [row for row in json.loads(done.stdout) if row["experiment"] in options.experiment]
    arms = sorted(row["arm"] for row in rows if row["ms_per_step"] > 0 and row["on"] and
                  row["peak_fraction"] > 0)
    batches = {row["batch"] for row in rows}
  except (ValueError, KeyError, TypeError) as error:
    raise HarnessError(f"`{shown}` printed no list of rows ({error!r}); need a JSON list with "
                       "experiment, arm, batch, on, ms_per_step, peak_fraction") from error
  if arms != sorted(options.arms):
    raise HarnessError(f"`{shown}` timed other arms ({', '.join(arms)}); need one row each for "
                       f"{', '.join(options.arms)}")
  if batches != {options.scale.batch}:
    raise HarnessError(f"`{shown}` ran batches of {sorted(batches)}; need {options.scale.batch}, "
                       "as PyTorch ran")
  return rows


def cpu_name():
  try:
    lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
  except OSError:
    return platform.processor() or "unknown"
  names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
  return next(names, platform.processor() or "unknown")


def caption(comparison):
  """What a table was measured on, and how."""
  options = comparison.options
  threads = " or ".join(map(str, options.threads))
  names = ", ".join(experiment[1:] for experiment in options.experiment)
  sentences = [
      f"Experiment{'s' * (',' in names)} {names}: milliseconds for one training step "
      f"({options.scale.blocks} block(s), batch {options.scale.batch}, {options.scale.positions} "
      f"positions; {comparison.texts}). Medians of {comparison.rounds_text()} on "
      f"{cpu_name()} with {threads} thread(s), the best count in brackets, measured on "
      f"{datetime.date.today().isoformat()}.",
      f"libnorm with {comparison.place}; {comparison.module.describe()}, "
      f"{form_text(comparison.form) if comparison.form else 'no form yet'}.",
      "Of peak: the share of the fused multiply-adds per second measured in the same run."]
  return " ".join(sentences + [f"Note: {note}." for note in comparison.notes])


def report(comparison, is_whole):
  """Prints, and writes what was asked for."""
  options = comparison.options
  tables = {"median": speed_tables.summarize(comparison.samples, statistics.median),
            "fastest": speed_tables.summarize(comparison.samples, min)}
  print(caption(comparison))
  for title, rows in tables.items():
    print(f"\nms per step, {title}, thread count in brackets; ratio = PyTorch / ours")
    print(speed_tables.plain_table(rows))
  print("\nPyTorch's batches are drawn before the clock starts, which favours PyTorch.")
  if options.output:
    content = {"complete": is_whole, "caption": caption(comparison), "notes": comparison.notes,
               "form": comparison.form and comparison.form._asdict(), **tables,
               "samples_ms_and_share": comparison.samples}
    options.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
  if options.readme and is_whole:
    speed_tables.write_section(options.readme, options.name,
                               speed_tables.section(caption(comparison), tables["median"]))
    say(f"wrote the table of {options.name} into {options.readme}")


class Parser(argparse.ArgumentParser):

  def error(self, message):
    self.exit(2, f"compare_pytorch: {message}; --help lists what there is\n")


def positive(text):
  if not text.isdecimal() or int(text) < 1:
    raise argparse.ArgumentTypeError(f"no such number ({text}); need a whole one from 1")
  return int(text)


def thread_counts(text):
  return sorted({positive(word) for word in text.split(",")})


def parse_options():
  parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                  usage=argparse.SUPPRESS)
  parser.add_argument("--experiment", default="e1,e2,e3", type=lambda text: text.split(","),
                      help="e1, e2, e3, several of them as a,b, or e4 (default e1,e2,e3)")
  parser.add_argument("--harness", type=pathlib.Path,
                      default=ROOT / "build" / "release" / "bin" / "norm-harness")
  parser.add_argument("--threads", type=thread_counts, help="tried (default 1,2; of e4: 2)")
  parser.add_argument("--steps", type=positive, help="PyTorch's in a turn (default 20; of e4: 2)")
  parser.add_argument("--rounds", type=positive, help="rounds of turns (default 3; of e4: 2)")
  parser.add_argument("--compile", action="store_true", help="try torch.compile as well")
  parser.add_argument("--output", type=pathlib.Path, help="write the results as JSON")
  parser.add_argument("--readme", type=pathlib.Path, nargs="?", metavar="FILE",
                      const=ROOT / "libnorm" / "SPEED.md", help="write the table of medians there")
  options = parser.parse_args()
  scales = [scale for scale in (RECALL, ENCODER) if set(options.experiment) <= {*scale.experiments}]
  if not scales or len(set(options.experiment)) < len(options.experiment):
    parser.error(f"--experiment: not to be compared at once ({','.join(options.experiment)}); need "
                 "some of e1, e2, e3, each once, or e4")
  scale = options.scale = scales[0]
  wanted = set().union(*(scale.experiments[experiment] for experiment in options.experiment))
  options.arms = [arm for arm in scale.rates if arm in wanted]
  options.name = ",".join(scale.experiments)
  if options.readme and options.experiment != list(scale.experiments):
    parser.error(f"--readme: its table is of {options.name} ({','.join(options.experiment)}); need "
                 "all of them")
  for name in ("threads", "steps", "rounds"):
    setattr(options, name, getattr(options, name) or getattr(scale, name))
  return options


def compare(options):
  """Returns the exit code."""
  if not options.harness.is_file():
    raise HarnessError(f"there is no harness ({options.harness}); build it, or name it with "
                       "--harness")
  if options.readme:  # Before minutes of measuring.
    speed_tables.replaced(options.readme.read_text(encoding="utf-8"), options.name, "")
  try:
    import torch_trainer  # pylint: disable=import-outside-toplevel
  except ModuleNotFoundError:
    say("PyTorch is not installed; pip install torch (nothing else in the project needs it but "
        "make_reference.py)")
    return 2
  comparison = Comparison(options, torch_trainer)
  try:
    comparison.run()
  except KeyboardInterrupt:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
      signal.signal(number, signal.SIG_IGN)
    say(f"stopped after {comparison.whole_rounds} of {options.rounds} rounds")
    report(comparison, is_whole=False)
    return 130
  report(comparison, is_whole=True)
  return 0


def main():
  options = parse_options()
  for number in (signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) == signal.SIG_DFL:
      signal.signal(number, signal.default_int_handler)
  try:
    return compare(options)
  except speed_tables.MarkerError as error:
    say(f"{options.readme}: {error}")
  except (HarnessError, DataError) as error:
    say(error)
  except OSError as error:
    say(f"{error.filename}: {error.strerror}; need a file that can be used")
  except KeyboardInterrupt:
    say("stopped")
    return 130
  return 3


if __name__ == "__main__":
  sys.exit(main())
