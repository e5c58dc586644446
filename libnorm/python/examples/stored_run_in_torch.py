"""A stored run's weights in a torch module: its loss and rank there are ours.

    python stored_run_in_torch.py STORE
"""

import sys

import numpy as np
import torch
from torch import nn

import libnorm
import libnorm.torch


class FeedForward(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(channels, hidden), nn.Linear(hidden, channels)

    def forward(self, x):
        return self.linear2(nn.functional.gelu(self.linear1(x)))


class Block(nn.Module):
    def __init__(self, channels, hidden, heads):
        super().__init__()
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.ffn = FeedForward(channels, hidden)

    def forward(self, x):
        x = self.norm1(x + self.attention(x, x, x, need_weights=False)[0])
        return self.norm2(x + self.ffn(x))


class Model(nn.Module):
    def __init__(self, vocabulary, channels, hidden, heads, blocks):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, channels)
        self.blocks = nn.Sequential(*(Block(channels, hidden, heads) for _ in range(blocks)))
        self.head = nn.Linear(channels, vocabulary)

    def forward(self, ids):
        return self.head(self.blocks(self.embedding(ids))[:, -1])


run = next(run for run in libnorm.runs(sys.argv[1]) if run.spec["norm"] == "layernorm")
number = {key: int(run.spec[key]) for key in ("entities", "attributes", "rank", "batch", "channels", "hidden",
                                               "heads", "blocks", "seed")}
task = libnorm.AssociativeRecall(*(number[key] for key in ("entities", "attributes", "rank", "batch")))
theirs = Model(task.vocabulary, *(number[key] for key in ("channels", "hidden", "heads", "blocks")))
libnorm.torch.load(theirs, run.weights()).eval()
ours = run.model()

# The layout of torch: a row for each position.
batch = task.draw(number["seed"], 1, probe=True, dense=True)
ids = torch.from_numpy(batch.ids.reshape(batch.sequences, -1).astype(np.int64))
with libnorm.watch(theirs, layers="blocks.?") as watch, torch.no_grad():
    loss = nn.functional.cross_entropy(theirs(ids), ids[:, -1]).item()
rank = list(watch.table().metric("effective_rank").values())[-1]
own_loss = ours.loss(batch)
own_rank = libnorm.spectrum(ours.activations(batch, number["blocks"] - 1)).effective_rank
print(f"torch: loss {loss:.6f}, effective rank {rank:.5f}")
print(f"ours:  loss {own_loss:.6f}, effective rank {own_rank:.5f}")
assert abs(loss - own_loss) < 1e-5 and abs(rank - own_rank) < 1e-2
