#!/usr/bin/env python3
"""Times one training step of Experiments 1-3 in PyTorch and in norm-harness, on this machine.

    python3 scripts/compare_pytorch.py [--harness PATH] [--threads N] [--steps N] [--rounds N]
                                       [--compile] [--output FILE]

PyTorch's side is the published dense model at the published sizes in float32: all positions
forward, loss, backward, Adam. It gets its fastest form: for each arm and thread count, all of
attention (nn.MultiheadAttention without weights, or plain tensor operations) x Adam (one tensor at
a time, foreach, fused) are tried first, and only the best is timed; --compile adds torch.compile of
the model to the forms tried. Its batches are drawn before the clock starts, which favours PyTorch.
Our side is `norm-harness bench`: once as the project trains, once with --dense, which does the
arithmetic PyTorch does.

Shared machines are noisy, so the sides take turns, round after round; each side then gets its best
thread count. Two tables are printed: of medians, and of the fastest samples, which other programs
disturb least. A sample is one step of PyTorch's but a whole bench of ours, so the second table
favours PyTorch as well. Needs PyTorch (pip install torch), as nothing else in
the project does but make_reference.py. Exit codes: 0 compared; 2 usage, or no PyTorch; 3 no
harness, or no usable answer from it.
"""

import argparse
import collections
import itertools
import json
import pathlib
import platform
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

ARMS = ("layernorm", "batchnorm", "manual_l2", "none")
EXPERIMENTS = ("e1", "e2", "e3")
KEYS, VOCABULARY, CHANNELS, HIDDEN, BATCH, POSITIONS = 400, 402, 128, 512, 128, 41
ADAMS = {"single": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}
LEARNING_RATES = {"none": 5e-4}


class HarnessError(Exception):
  """The harness is missing, failed, or printed something else than rows."""


class ExplicitBlock(Block):
  """One-head attention in plain tensor operations, on the parameters of nn.MultiheadAttention."""

  def attend(self, x):
    attention = self.attention
    q, k, v = functional.linear(x, attention.in_proj_weight, attention.in_proj_bias).chunk(3, -1)
    weights = torch.softmax(q @ k.transpose(1, 2) * CHANNELS**-0.5, dim=-1)
    return attention.out_proj(weights @ v)


Form = collections.namedtuple("Form", "attention adam compiled")
BLOCKS = {"module": Block, "explicit": ExplicitBlock}


def draw_batch(generator):
  """One batch of the published task: ids [128, 41] and targets [128]."""
  drawn = torch.rand(BATCH, KEYS, generator=generator).argsort(1)[:, :POSITIONS - 1]
  ids = torch.zeros(BATCH, POSITIONS, dtype=torch.int64)
  ids[:, :POSITIONS - 2] = drawn[:, 1:]
  ids[:, -1] = drawn[:, 0]
  return ids, drawn[:, 0].clone()


class TorchTrainer:
  """Trains one arm in one form, and keeps training from call to call."""

  def __init__(self, arm, form, batches):
    torch.manual_seed(0)
    model = Transformer(arm, VOCABULARY, CHANNELS, HIDDEN, block_type=BLOCKS[form.attention])
    self.optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATES.get(arm, 1e-4),
                                      **ADAMS[form.adam])
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


def best_form(arm, batches, try_compile):
  """Tries every form briefly; returns (form, trainer) of the fastest step."""
  found = []
  for form in itertools.product(BLOCKS, ADAMS, (False, True) if try_compile else (False,)):
    form = Form(*form)
    trainer = TorchTrainer(arm, form, batches)
    found.append((min(trainer.time(2, 5)), form, trainer))
  return min(found, key=lambda item: item[0])[1:]


def run_harness(harness, threads, dense):
  """Runs the harness's bench; returns arm -> list of milliseconds per step."""
  command = [str(harness.resolve()), "bench", "--threads", str(threads), "--json"]
  command += ["--dense"] if dense else []
  shown = " ".join(command)
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  if done.returncode != 0:
    raise HarnessError(f"`{shown}` ended with {done.returncode} ({done.stderr.strip()[-300:]}); "
                       "need 0")
  try:
    rows = [row for row in json.loads(done.stdout) if row["experiment"] in EXPERIMENTS]
    times = {arm: [float(row["ms_per_step"]) for row in rows if row["arm"] == arm] for arm in ARMS}
    batches = {row["batch"] for row in rows}
  except (ValueError, KeyError, TypeError) as error:
    raise HarnessError(f"`{shown}` printed no list of rows ({error!r}); need a JSON list with "
                       "experiment, arm, batch, ms_per_step") from error
  missing = [arm for arm in ARMS if not times[arm]]
  if missing:
    raise HarnessError(f"`{shown}` has no row for {', '.join(missing)} in "
                       f"{', '.join(EXPERIMENTS)}; need one for each arm")
  if batches != {BATCH}:
    raise HarnessError(f"`{shown}` ran batches of {sorted(batches)}; need {BATCH}, as PyTorch ran")
  return times


def measure(options, batches):
  """Returns samples[side][arm][threads], lists of ms, and forms[arm][threads]."""
  samples = {side: {arm: {n: [] for n in range(1, options.threads + 1)} for arm in ARMS}
             for side in ("torch", "ours", "ours_dense")}
  forms = {arm: {} for arm in ARMS}
  for threads in range(1, options.threads + 1):
    torch.set_num_threads(threads)
    trainers = {}
    for arm in ARMS:
      forms[arm][threads], trainers[arm] = best_form(arm, batches, options.compile)
    for _ in range(options.rounds):
      for side, dense in (("ours", False), ("ours_dense", True)):
        for arm, trainer in trainers.items():
          samples["torch"][arm][threads] += trainer.time(1, options.steps)
        for arm, times in run_harness(options.harness, threads, dense).items():
          samples[side][arm][threads] += times
  return samples, forms


def summarize(samples, forms, statistic):
  """One row for each arm: every side's statistic at its best thread count, and the ratios."""
  rows = []
  for arm in ARMS:
    row = {"arm": arm}
    for side, by_arm in samples.items():
      by_threads = {threads: statistic(times) for threads, times in by_arm[arm].items()}
      threads = min(by_threads, key=by_threads.get)
      row[side] = {"ms_per_step": by_threads[threads], "threads": threads,
                   "ms_by_threads": by_threads}
    row["torch"]["form"] = forms[arm][row["torch"]["threads"]]._asdict()
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
  root = pathlib.Path(__file__).resolve().parent.parent
  parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
  parser.add_argument("--harness", type=pathlib.Path,
                      default=root / "build" / "release" / "bin" / "norm-harness")
  parser.add_argument("--threads", type=positive, default=2, help="try 1 to this many (default 2)")
  parser.add_argument("--steps", type=positive, default=10,
                      help="PyTorch steps a turn, two turns a round (default 10)")
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
  batches = [draw_batch(torch.Generator().manual_seed(seed)) for seed in range(8)]
  try:
    samples, forms = measure(options, batches)
  except (HarnessError, OSError) as error:
    print(f"compare_pytorch: {error}", file=sys.stderr)
    return 3
  tables = {"median": summarize(samples, forms, statistics.median),
            "fastest": summarize(samples, forms, min)}
  environment = {"torch": torch.__version__, "python": platform.python_version(),
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
