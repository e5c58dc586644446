"""Golden's results of Experiment 3 in NumPy, and Figure 3 drawn again with matplotlib.

    python figure3.py GOLDEN PICTURE
"""

import sys

import numpy as np
from matplotlib import pyplot

import libnorm

ARMS = ("layernorm", "batchnorm", "manual_l2", "sphere")


def mean_curve(rows, get):
    curves = np.array([get(row) for row in rows])
    return curves.mean(axis=0), curves.std(axis=0, ddof=1)


def draw(axes, at, rows, get, label):
    mean, deviation = mean_curve(rows, get)
    line, = axes.plot(at, mean, label=label)
    axes.fill_between(at, mean - deviation, mean + deviation, color=line.get_color(), alpha=0.2, linewidth=0)


results = libnorm.golden(sys.argv[1])
figure = pyplot.figure(figsize=(12, 3.5), layout="constrained")
loss, landscape, spectrum = figure.subplots(1, 3)
for arm in ARMS:
    rows = results[arm]
    steps = np.arange(len(rows[0]["loss_curve"])) * rows[0]["curve_stride"]
    draw(loss, steps, rows, lambda row: row["loss_curve"], arm)
    alpha = rows[0]["slices"]["published"]["alpha"]
    draw(landscape, alpha, rows, lambda row: row["slices"]["published"]["loss"], arm)
    values = np.arange(1, len(rows[0]["singular_values"]) + 1)
    draw(spectrum, values, rows, lambda row: np.array(row["singular_values"]) / row["singular_values"][0], arm)
    print(f"{arm:10} {len(rows)} seeds, effective rank "
          f"{np.mean([row['metrics']['effective_rank'] for row in rows]):.1f}")
for axes, title in ((loss, "training loss"), (landscape, "published slice"), (spectrum, "s / s_max")):
    axes.set_title(title)
    axes.set_yscale("log")
loss.legend()
figure.savefig(sys.argv[2])
