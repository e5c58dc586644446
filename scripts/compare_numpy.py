#!/usr/bin/env python3
"""Times the spectrum of an activation matrix in NumPy and in norm-harness, on this machine.

    python3 scripts/compare_numpy.py [--rows N] [--channels N] [--harness PATH] [--threads N]
                                     [--rounds N] [--output FILE]

NumPy's side is numpy.linalg.svd(matrix, compute_uv=False) of the float32 matrix in memory, by
default 32768 x 128; it computes in float32. Our side is `norm-harness measure FILE --time`: the
singular values of the centred rows, in double, and all metrics that are made of them, of the same
matrix in memory. NumPy neither centres nor makes metrics, which favours NumPy.

Shared machines are noisy, so the sides take turns, round after round. Medians and fastest samples
are printed, and by how much the singular values differ at most (of the largest): NumPy's of the
matrix centred in double are what ours are held against. NumPy takes as many threads as its own
library finds; OPENBLAS_NUM_THREADS and its like limit that.

Needs NumPy (pip install numpy), as nothing else in the project does. Exit codes: 0 compared; 1
the singular values differ by more than 1e-9 of the largest; 2 usage, or no NumPy; 3 no harness, or
no usable answer from it.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

try:
  import numpy
except ModuleNotFoundError:
  print("compare_numpy: NumPy is not installed; pip install numpy (nothing else in the project "
        "needs it)", file=sys.stderr)
  sys.exit(2)

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAMPLES = 5
TOLERANCE = 1e-9
# For how long the threads of a BLAS may go on spinning, waiting for work, and hold a core.
REST_SECONDS = 0.5


class HarnessError(Exception):
  """The harness is missing, failed, or printed something else than it should."""


def activations(rows, channels):
  """Normal rows with a mean and a spectrum that falls to a tenth, float32 [rows, channels]."""
  generator = numpy.random.default_rng(0)
  spread = numpy.geomspace(1.0, 0.1, channels)
  matrix = generator.standard_normal((rows, channels)) * spread + generator.standard_normal(channels)
  return numpy.ascontiguousarray(matrix, dtype=numpy.float32)


def harness_answer(options, path, *arguments):
  command = [str(options.harness.resolve()), "measure", str(path), "--centring", "mean",
             "--threads", str(options.threads), *arguments]
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  if done.returncode != 0:
    raise HarnessError(f"`{' '.join(command)}` ended with {done.returncode} "
                       f"({done.stderr.strip()[-300:]}); need 0")
  return done.stdout


def numpy_times(matrix, samples):
  times = []
  for _ in range(samples):
    start = time.perf_counter()
    numpy.linalg.svd(matrix, compute_uv=False)
    times.append((time.perf_counter() - start) * 1e3)
  return times


def harness_times(options, path, samples):
  # The first takes memory and is left out, as NumPy's first is.
  lines = harness_answer(options, path, "--time", str(samples + 1)).split()
  if len(lines) != samples + 1:
    raise HarnessError(f"{len(lines)} times came back; need {samples + 1}")
  return [float(line) for line in lines[1:]]


def largest_difference(options, path, matrix):
  """Of our singular values and NumPy's in double, over the largest."""
  answer = json.loads(harness_answer(options, path, "--json", "--metrics", "effective_rank"))
  ours = numpy.array(answer["spectra"][0]["singular_values"])
  wide = matrix.astype(numpy.float64)
  theirs = numpy.linalg.svd(wide - wide.mean(axis=0), compute_uv=False)
  return float(numpy.max(numpy.abs(ours - theirs)) / theirs[0])


def positive(text):
  value = int(text)
  if value < 1:
    raise ValueError(text)
  return value


def parse_options():
  parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
  parser.add_argument("--rows", type=positive, default=32768)
  parser.add_argument("--channels", type=positive, default=128)
  parser.add_argument("--harness", type=pathlib.Path,
                      default=ROOT / "build" / "release" / "bin" / "norm-harness")
  parser.add_argument("--threads", type=positive, default=2, help="ours (default 2)")
  parser.add_argument("--rounds", type=positive, default=5, help="rounds of turns (default 5)")
  parser.add_argument("--output", type=pathlib.Path, help="write the results as JSON")
  return parser.parse_args()


def compare(options):
  matrix = activations(options.rows, options.channels)
  samples = {"numpy": [], "ours": []}
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "activations.npy"
    numpy.save(path, matrix)
    numpy_times(matrix, 1)
    for _ in range(options.rounds):
      samples["numpy"] += numpy_times(matrix, SAMPLES)
      time.sleep(REST_SECONDS)
      samples["ours"] += harness_times(options, path, SAMPLES)
    difference = largest_difference(options, path, matrix)
  return samples, difference


def main():
  options = parse_options()
  if not options.harness.is_file():
    print(f"compare_numpy: there is no harness ({options.harness}); build it, or name it with "
          "--harness", file=sys.stderr)
    return 3
  try:
    samples, difference = compare(options)
  except (HarnessError, OSError, ValueError, KeyError, IndexError) as error:
    print(f"compare_numpy: {error}", file=sys.stderr)
    return 3
  print(f"{options.rows} x {options.channels} float32, NumPy {numpy.__version__}, ours with "
        f"{options.threads} threads, {options.rounds * SAMPLES} samples a side in turns")
  result = {"rows": options.rows, "channels": options.channels, "difference": difference,
            "samples_ms": samples}
  for name, statistic in (("median", statistics.median), ("fastest", min)):
    theirs, ours = statistic(samples["numpy"]), statistic(samples["ours"])
    result[name] = {"numpy_ms": theirs, "ours_ms": ours, "ratio": theirs / ours}
    print(f"{name:<8} numpy {theirs:8.2f} ms   ours {ours:8.2f} ms   ratio {theirs / ours:6.2f}")
  print(f"singular values differ by {difference:.1e} of the largest at most")
  if options.output:
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
  return 0 if difference <= TOLERANCE else 1


if __name__ == "__main__":
  sys.exit(main())
