"""The sharpness of a torch MLP beside PyHessian's. PyHessian calls the largest |lambda| the top eigenvalue."""

import numpy as np
import torch
from torch import nn

import libnorm
import libnorm.torch

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.LayerNorm(16), nn.Linear(16, 3)).double()
x, y = torch.randn(200, 10, dtype=torch.float64), torch.randint(3, (200,))
adam = torch.optim.Adam(model.parameters(), 1e-2)
for _ in range(100):
    adam.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    adam.step()

objective = libnorm.torch.objective(model, lambda m, batch: nn.functional.cross_entropy(m(batch[0]), batch[1]),
                                    [(x, y)])
w = objective.initial
largest = libnorm.eigenvalues(objective, w, "largest_magnitude", tolerance=1e-6)
print(largest)
print(libnorm.trace(objective, w))
line = libnorm.loss_slice(objective, w, libnorm.direction(w, objective.shapes), np.linspace(-1, 1, 9))
print("filter-normalized slice:", np.round(line.loss, 3))
print(libnorm.sam_sharpness(objective, w, 0.05))

try:
    from pyhessian import hessian
except ImportError:
    print("PyHessian is not installed: pip install pyhessian")
else:
    theirs = hessian(model, nn.CrossEntropyLoss(), data=(x, y), cuda=False)
    values, _ = theirs.eigenvalues(maxIter=1000, tol=1e-8)
    print(f"PyHessian: largest |eigenvalue| {values[0]:.8f}, no residual; libnorm {largest.values[0]:.8f}")
    assert abs(values[0] - largest.values[0]) < 1e-3 * abs(values[0])
