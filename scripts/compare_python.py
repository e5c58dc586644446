#!/usr/bin/env python3
"""Times of the Python package beside NumPy's and torch's.

    python compare_python.py

Needs libnorm, NumPy and torch in one environment. Every time is the best of several, in one process, with the
library's and torch's default threads.
"""

import os
import platform
import time

import numpy as np
import torch
from torch import nn

import libnorm
import libnorm.torch


def best(call, seconds=2.0, least=3):
    call()
    times, end = [], time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def spectra():
    rng = np.random.default_rng(0)
    print("| rows x channels, float32 | libnorm.spectrum | numpy.linalg.svd | torch.linalg.svdvals |")
    print("|---|---|---|---|")
    for rows, channels in ((4096, 128), (50000, 128), (20000, 512)):
        x = rng.standard_normal((rows, channels)).astype(np.float32)
        centred = x - x.mean(axis=0)
        t = torch.from_numpy(centred)
        ours = best(lambda: libnorm.spectrum(x))
        theirs = best(lambda: np.linalg.svd(centred, compute_uv=False))
        torchs = best(lambda: torch.linalg.svdvals(t))
        print(f"| {rows} x {channels} | {1e3 * ours:.1f} ms | {1e3 * theirs:.0f} ms ({theirs / ours:.1f}) | "
              f"{1e3 * torchs:.0f} ms ({torchs / ours:.1f}) |")


def torch_lanczos(product, n, steps):
    """Lanczos with full reorthogonalization as one writes it in torch."""
    basis = torch.zeros(steps + 1, n, dtype=torch.float64)
    basis[0] = torch.randn(n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    basis[0] /= basis[0].norm()
    alpha, beta = [], []
    for k in range(steps):
        v = product(basis[k])
        alpha.append(v @ basis[k])
        for _ in range(2):
            v = v - basis[:k + 1].T @ (basis[:k + 1] @ v)
        beta.append(v.norm())
        basis[k + 1] = v / beta[-1]
    return torch.linalg.eigvalsh(torch.diag(torch.stack(alpha)) + torch.diag(torch.stack(beta[:-1]), 1)
                                 + torch.diag(torch.stack(beta[:-1]), -1))[-1].item()


def lanczos():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.LayerNorm(256), nn.Linear(256, 256), nn.GELU(),
                          nn.Linear(256, 10)).double()
    x, y = torch.randn(256, 64, dtype=torch.float64), torch.randint(10, (256,))
    o = libnorm.torch.objective(model, lambda m, b: nn.functional.cross_entropy(m(b[0]), b[1]), [(x, y)])
    w = o.initial
    found = libnorm.eigenvalues(o, w, tolerance=1e-6)
    steps, n = int(found.products) - 1, w.size
    gradient = torch.autograd.grad(nn.functional.cross_entropy(model(x), y), list(model.parameters()),
                                   create_graph=True)
    gradient = torch.cat([g.reshape(-1) for g in gradient])

    def product(v):
        return torch.cat([p.reshape(-1) for p in torch.autograd.grad(gradient, list(model.parameters()), v,
                                                                     retain_graph=True)])
    ours = best(lambda: libnorm.eigenvalues(o, w, tolerance=1e-6))
    theirs = best(lambda: torch_lanczos(product, n, steps))
    print(f"\nlambda_max of an MLP, {n} weights, {steps} steps: libnorm {1e3 * ours:.0f} ms, with its residual; "
          f"a loop in torch {1e3 * theirs:.0f} ms; they differ by "
          f"{abs(found.values[0] - torch_lanczos(product, n, steps)):.0e} of {found.values[0]:.3f}")


def overhead():
    x = np.ones((1, 4), np.float32)
    sums = libnorm.SpectrumAccumulator()
    t = torch.ones(1, 4)
    print(f"\noverhead of a call: {1e6 * best(lambda: [sums.add(x) for _ in range(1000)]) / 1000:.2f} us with a NumPy "
          f"array, {1e6 * best(lambda: [sums.add(t) for _ in range(1000)]) / 1000:.2f} us with a tensor "
          "(SpectrumAccumulator.add of one row)")


if __name__ == "__main__":
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} threads, NumPy {np.__version__}, "
          f"torch {torch.__version__}, libnorm {libnorm.__version__}\n")
    spectra()
    lanczos()
    overhead()
