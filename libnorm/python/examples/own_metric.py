"""A metric of your own over all stored runs that kept their weights: a benchmark for generalization measures.

    python own_metric.py STORE
"""

import sys

import numpy as np

import libnorm


def spectral_norms(run):
    """Sum of log ||W||_2 over all matrices."""
    return sum(np.log(np.linalg.norm(w, 2)) for w in run.weights().values() if w.ndim == 2 and min(w.shape) > 1)


measured = libnorm.remeasure(spectral_norms, sys.argv[1])
for run, value in sorted(measured, key=lambda pair: pair[1]):
    print(f"{run.row['arm']:16} seed {run.row['seed']}  {value:8.4f}  final loss {run.row['final_loss']:.4f}")
values = np.array([value for _, value in measured])
losses = np.array([run.row["final_loss"] for run, _ in measured])
print(f"correlation with the final loss: {np.corrcoef(values, losses)[0, 1]:.2f} over {len(values)} runs")
