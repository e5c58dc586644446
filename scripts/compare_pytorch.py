#!/usr/bin/env python3
"""Times one training step of an experiment in PyTorch and in norm-harness, on this machine.

    python3 scripts/compare_pytorch.py [--experiment e1-e3|e4] [--harness PATH] [--threads N]
                                       [--steps N] [--rounds N] [--compile] [--output FILE]

PyTorch's side is the published dense model at the published sizes in float32: all positions
(in Experiment 4 padding too) forward, loss, backward, Adam. It gets its fastest form: for each arm
and thread count, all of attention (nn.MultiheadAttention without weights, or plain tensor
operations) x Adam (one tensor at a time, foreach, fused) are tried first, and only the best is
timed; --compile adds torch.compile of the model to the forms tried. Its batches are drawn before
the clock starts, which favours PyTorch.
Our side is `norm-harness bench`: once as the project trains, once with --dense, which does the
arithmetic PyTorch does.

Experiment 4's texts are AG News's where the harness finds them too: in the folder that the
environment's LIBNORM_DATA names, else in data/ of the checkout. Without them both sides take
generated texts, of which PyTorch's have the lengths and frequencies of the harness's topics.

Shared machines are noisy, so the sides take turns, round after round; each side then gets its best
thread count. Two tables are printed: of medians, and of the fastest samples, which other programs
disturb least. A sample is one step of PyTorch's but a whole bench of ours, so the second table
favours PyTorch as well. Needs PyTorch (pip install torch), as nothing else in
the project does but make_reference.py. Exit codes: 0 compared; 2 usage, or no PyTorch; 3 no
harness, no usable answer from it, or data that are named and incomplete.
"""

import argparse
import collections
import csv
import itertools
import json
import os
import pathlib
import platform
import random
import statistics
import subprocess
import sys
import time

try:
  import torch
except ModuleNotFoundError:
  print("compare_pytorch: PyTorch is not installed; pip install torch (nothing else in the project "
        "needs it but make_reference.py)", file=sys.stderr)
  sys.exit(2)

from torch.nn import functional

from torch_model import Block, Transformer

ROOT = pathlib.Path(__file__).resolve().parent.parent
ADAMS = {"single": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}
KEYS, POSITIONS = 400, 41
PADDED, BEGIN, END, FIRST_WORD = 128, 101, 102, 103

# rates: arm -> learning rate. tries: untimed and timed steps of each form tried. steps: a turn's.
Scale = collections.namedtuple("Scale", "experiments rates vocabulary channels hidden heads blocks "
                               "outputs readout batch tries steps")
SCALES = {
    "e1-e3": Scale(experiments=("e1", "e2", "e3"),
                   rates={"layernorm": 1e-4, "batchnorm": 1e-4, "manual_l2": 1e-4, "none": 5e-4},
                   vocabulary=402, channels=128, hidden=512, heads=1, blocks=1, outputs=402,
                   readout=-1, batch=128, tries=(2, 5), steps=10),
    "e4": Scale(experiments=("e4",),
                rates={"layernorm": 2e-4, "manual_l2": 2e-4, "none": 2e-4}, vocabulary=30522,
                channels=128, hidden=512, heads=4, blocks=6, outputs=4, readout=0, batch=256,
                tries=(1, 2), steps=2),
}


class HarnessError(Exception):
  """The harness is missing, failed, or printed something else than it should."""


class DataError(Exception):
  """AG News is named and is not there."""


class ExplicitBlock(Block):
  """Attention in plain tensor operations, on the parameters of nn.MultiheadAttention."""

  def attend(self, x, masked=None):
    if masked is not None:
      raise ValueError("ExplicitBlock: a mask arrived; need none")
    attention = self.attention
    sequences, positions, channels = x.shape
    width = channels // attention.num_heads
    q, k, v = (part.reshape(sequences, positions, attention.num_heads, width).transpose(1, 2)
               for part in functional.linear(x, attention.in_proj_weight,
                                             attention.in_proj_bias).chunk(3, -1))
    weights = torch.softmax(q @ k.transpose(2, 3) * width**-0.5, dim=-1)
    return attention.out_proj((weights @ v).transpose(1, 2).reshape(x.shape))


Form = collections.namedtuple("Form", "attention adam compiled")
BLOCKS = {"module": Block, "explicit": ExplicitBlock}


def recall_batch(batch, generator):
  """One batch of the published task: ids [B, 41] and targets [B]."""
  drawn = torch.rand(batch, KEYS, generator=generator).argsort(1)[:, :POSITIONS - 1]
  ids = torch.zeros(batch, POSITIONS, dtype=torch.int64)
  ids[:, :POSITIONS - 2] = drawn[:, 1:]
  ids[:, -1] = drawn[:, 0]
  return ids, drawn[:, 0].clone()


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


def ag_news_texts(folder, harness, count):
  """Drawn rows of the train split, tokenized by the harness: (ids, class) of each."""
  with (folder / "ag_news" / "train.csv").open(encoding="utf-8", newline="") as file:
    rows = random.Random(0).sample(list(csv.reader(file)), count)
  lines = [" ".join(f"{title} {description}".split()) for _, title, description in rows]
  command = [str(harness.resolve()), "tokenize", "--vocab",
             str(folder / "wordpiece" / "vocab.txt"), "--length", str(PADDED)]
  done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True,
                        check=False)
  texts = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
  if done.returncode != 0 or len(texts) != count:
    raise HarnessError(f"`{' '.join(command)}` ended with {done.returncode} and {len(texts)} lines "
                       f"({done.stderr.strip()[-300:]}); need 0 and {count}")
  return [(ids, int(row[0]) - 1) for ids, row in zip(texts, rows)]


def generated_texts(vocabulary, count, generator):
  """Texts with the lengths and word frequencies of libnorm/data/topics.hpp."""

  def below(n):
    return torch.randint(n, (count,), generator=generator)

  lengths = 21 + below(31) + below(31) + (below(16) == 0) * below(62)
  weights = 1.0 / (3.0 + torch.arange(vocabulary - FIRST_WORD, dtype=torch.float64))
  words = FIRST_WORD + torch.multinomial(weights, count * PADDED, replacement=True,
                                         generator=generator).reshape(count, PADDED)
  return [([BEGIN] + row[:min(length, PADDED) - 2].tolist() + [END], i % 4)
          for i, (row, length) in enumerate(zip(words, lengths.tolist()))]


def padded_batches(texts, batch):
  """Batches of ids [B, 128], padded with id 0, and targets [B]."""
  ids = torch.tensor([text + [0] * (PADDED - len(text)) for text, _ in texts])
  targets = torch.tensor([label for _, label in texts])
  return list(zip(ids.split(batch), targets.split(batch)))


def make_batches(options, scale):
  """Returns (batches, what they are)."""
  if "e4" not in scale.experiments:
    generators = (torch.Generator().manual_seed(seed) for seed in range(8))
    return [recall_batch(scale.batch, generator) for generator in generators], "the published task"
  folder, count = ag_news_folder(), 4 * scale.batch
  if folder:
    texts, name = ag_news_texts(folder, options.harness, count), "AG News"
  else:
    texts = generated_texts(scale.vocabulary, count, torch.Generator().manual_seed(0))
    name = "generated"
  length = statistics.mean(len(text) for text, _ in texts)
  distinct = statistics.mean(len(set(text)) + (len(text) < PADDED) for text, _ in texts)
  return padded_batches(texts, scale.batch), (
      f"{name}, {length:.1f} tokens a text, {distinct:.1f} distinct with padding")


class TorchTrainer:
  """Trains one arm in one form, and keeps training from call to call."""

  def __init__(self, scale, arm, form, batches):
    torch.manual_seed(0)
    model = Transformer(arm, scale.vocabulary, scale.channels, scale.hidden, scale.heads,
                        scale.blocks, block_type=BLOCKS[form.attention], outputs=scale.outputs,
                        readout=scale.readout)
    self.optimizer = torch.optim.Adam(model.parameters(), lr=scale.rates[arm], **ADAMS[form.adam])
    self.model = torch.compile(model) if form.compiled else model
    self.batches = itertools.cycle(batches)

  def step(self):
    ids, targets = next(self.batches)
    self.optimizer.zero_grad(set_to_none=True)
    loss = functional.cross_entropy(self.model(ids), targets)
    loss.backward()
    self.optimizer.step()
    return loss.item()

  def time(self, warm_up, steps):
    """Returns the milliseconds of each of the steps."""
    for _ in range(warm_up):
      self.step()
    times = []
    for _ in range(steps):
      start = time.perf_counter()
      self.step()
      times.append((time.perf_counter() - start) * 1e3)
    return times


def best_form(scale, arm, batches, try_compile):
  """Tries every form briefly; returns (form, trainer) of the fastest step."""
  found = []
  for form in itertools.product(BLOCKS, ADAMS, (False, True) if try_compile else (False,)):
    form = Form(*form)
    trainer = TorchTrainer(scale, arm, form, batches)
    found.append((min(trainer.time(*scale.tries)), form, trainer))
  return min(found, key=lambda item: item[0])[1:]


def run_harness(harness, name, threads, dense):
  """Runs the harness's bench; returns arm -> list of milliseconds per step."""
  scale = SCALES[name]
  arms, experiments = list(scale.rates), ", ".join(scale.experiments)
  command = [str(harness.resolve()), "bench", "--threads", str(threads), "--json"]
  command += ["--experiment", "e4", "--arms", ",".join(arms)] if name == "e4" else []
  command += ["--dense"] if dense else []
  shown = " ".join(command)
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  if done.returncode != 0:
    raise HarnessError(f"`{shown}` ended with {done.returncode} ({done.stderr.strip()[-300:]}); "
                       "need 0")
  try:
    rows = [row for row in json.loads(done.stdout) if row["experiment"] in scale.experiments]
    times = {arm: [float(row["ms_per_step"]) for row in rows if row["arm"] == arm] for arm in arms}
    batches = {row["batch"] for row in rows}
  except (ValueError, KeyError, TypeError) as error:
    raise HarnessError(f"`{shown}` printed no list of rows ({error!r}); need a JSON list with "
                       "experiment, arm, batch, ms_per_step") from error
  missing = [arm for arm in arms if not times[arm]]
  if missing:
    raise HarnessError(f"`{shown}` has no row for {', '.join(missing)} in {experiments}; need one "
                       "for each arm")
  if batches != {scale.batch}:
    raise HarnessError(f"`{shown}` ran batches of {sorted(batches)}; need {scale.batch}, as "
                       "PyTorch ran")
  return times


def measure(options, batches):
  """Returns samples[side][arm][threads], lists of ms, and forms[arm][threads]."""
  scale = SCALES[options.experiment]
  samples = {side: {arm: {n: [] for n in range(1, options.threads + 1)} for arm in scale.rates}
             for side in ("torch", "ours", "ours_dense")}
  forms = {arm: {} for arm in scale.rates}
  for threads in range(1, options.threads + 1):
    torch.set_num_threads(threads)
    trainers = {}
    for arm in scale.rates:
      forms[arm][threads], trainers[arm] = best_form(scale, arm, batches, options.compile)
    for _ in range(options.rounds):
      for side, dense in (("ours", False), ("ours_dense", True)):
        for arm, trainer in trainers.items():
          samples["torch"][arm][threads] += trainer.time(1, options.steps or scale.steps)
        for arm, times in run_harness(options.harness, options.experiment, threads, dense).items():
          samples[side][arm][threads] += times
  return samples, forms


def summarize(samples, forms, statistic):
  """One row for each arm: every side's statistic at its best thread count, and the ratios."""
  rows = []
  for arm, arm_forms in forms.items():
    row = {"arm": arm}
    for side, by_arm in samples.items():
      by_threads = {threads: statistic(times) for threads, times in by_arm[arm].items()}
      threads = min(by_threads, key=by_threads.get)
      row[side] = {"ms_per_step": by_threads[threads], "threads": threads,
                   "ms_by_threads": by_threads}
    row["torch"]["form"] = arm_forms[row["torch"]["threads"]]._asdict()
    row["ratio"] = row["torch"]["ms_per_step"] / row["ours"]["ms_per_step"]
    row["ratio_dense"] = row["torch"]["ms_per_step"] / row["ours_dense"]["ms_per_step"]
    rows.append(row)
  return rows


def cpu_name():
  try:
    lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
  except OSError:
    return platform.processor() or "unknown"
  names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
  return next(names, platform.processor() or "unknown")


def print_table(title, rows):
  print(f"\nms per step, {title}, best thread count in brackets; ratio = torch / ours")
  print(f"{'arm':<10} {'torch':>11} {'ours':>11} {'ratio':>7} {'ours dense':>11} {'ratio':>7}"
        "  torch's form")
  for row in rows:
    cells = {side: f"{row[side]['ms_per_step']:.2f} [{row[side]['threads']}]"
             for side in ("torch", "ours", "ours_dense")}
    form = row["torch"]["form"]
    print(f"{row['arm']:<10} {cells['torch']:>11} {cells['ours']:>11} {row['ratio']:>7.2f} "
          f"{cells['ours_dense']:>11} {row['ratio_dense']:>7.2f}  {form['attention']} attention, "
          f"{form['adam']} Adam{', compiled' if form['compiled'] else ''}")


def positive(text):
  value = int(text)
  if value < 1:
    raise ValueError(text)
  return value


def parse_options():
  parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
  parser.add_argument("--experiment", choices=SCALES, default="e1-e3",
                      help="which to time (default e1-e3)")
  parser.add_argument("--harness", type=pathlib.Path,
                      default=ROOT / "build" / "release" / "bin" / "norm-harness")
  parser.add_argument("--threads", type=positive, default=2, help="try 1 to this many (default 2)")
  parser.add_argument("--steps", type=positive,
                      help="PyTorch steps a turn, two turns a round (default 10; 2 for e4)")
  parser.add_argument("--rounds", type=positive, default=3, help="rounds of turns (default 3)")
  parser.add_argument("--compile", action="store_true", help="try torch.compile as well")
  parser.add_argument("--output", type=pathlib.Path, help="write the results as JSON")
  return parser.parse_args()


def main():
  options = parse_options()
  if not options.harness.is_file():
    print(f"compare_pytorch: there is no harness ({options.harness}); build it, or name it with "
          "--harness", file=sys.stderr)
    return 3
  try:
    batches, texts = make_batches(options, SCALES[options.experiment])
    samples, forms = measure(options, batches)
  except (HarnessError, DataError, OSError) as error:
    print(f"compare_pytorch: {error}", file=sys.stderr)
    return 3
  tables = {"median": summarize(samples, forms, statistics.median),
            "fastest": summarize(samples, forms, min)}
  environment = {"experiment": options.experiment, "PyTorch's batches": texts,
                 "torch": torch.__version__, "python": platform.python_version(),
                 "cpu": cpu_name(), "threads tried": f"1 to {options.threads}",
                 "mode": "eager and torch.compile" if options.compile else "eager"}
  for key, value in environment.items():
    print(f"{key}: {value}")
  for title, rows in tables.items():
    print_table(title, rows)
  print("\nPyTorch's batches are drawn before the clock starts, which favours PyTorch.")
  if options.output:
    content = {"environment": environment, **tables, "samples_ms": samples}
    options.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
  return 0


if __name__ == "__main__":
  sys.exit(main())
