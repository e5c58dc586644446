"""The rank of every layer of a torch transformer, with LayerNorm and without, during training.

    python layer_ranks.py [PICTURE]
"""

import sys

import torch
from torch import nn

import libnorm

CHANNELS, BLOCKS, TOKENS, LENGTH = 48, 4, 32, 12
LAYERS = [str(i) for i in range(1 + BLOCKS)]


class Block(nn.Module):
    def __init__(self, with_norm):
        super().__init__()
        self.attention = nn.MultiheadAttention(CHANNELS, 4, batch_first=True)
        self.ffn = nn.Sequential(nn.Linear(CHANNELS, 4 * CHANNELS), nn.GELU(), nn.Linear(4 * CHANNELS, CHANNELS))
        make_norm = nn.LayerNorm if with_norm else nn.Identity
        self.norm1, self.norm2 = make_norm(CHANNELS), make_norm(CHANNELS)

    def forward(self, x):
        x = self.norm1(x + self.attention(x, x, x, need_weights=False)[0])
        return self.norm2(x + self.ffn(x))


def make_model(with_norm):
    return nn.Sequential(nn.Embedding(TOKENS, CHANNELS), *(Block(with_norm) for _ in range(BLOCKS)),
                         nn.Linear(CHANNELS, TOKENS))


def train(with_norm, steps=60):
    torch.manual_seed(0)
    model = make_model(with_norm)
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    # Every 30th forward pass is measured while it trains.
    with libnorm.watch(model, layers=LAYERS, every=30) as watch:
        for _ in range(steps):
            ids = torch.randint(TOKENS, (32, LENGTH))
            loss = nn.functional.cross_entropy(model(ids)[:, -1], ids[:, 0])
            adam.zero_grad()
            loss.backward()
            adam.step()
    # And then all that it makes of fresh data, in evaluation.
    model.eval()
    with libnorm.watch(model, layers=LAYERS) as final, torch.no_grad():
        for _ in range(4):
            model(torch.randint(TOKENS, (32, LENGTH)))
    return watch.history, final.table()


axes = None
for name, with_norm in (("LayerNorm", True), ("no norm", False)):
    history, table = train(with_norm)
    print(f"{name}, after training\n{table}\n")
    for measured in history:
        print(f"  step {measured.step}: effective rank of the last block "
              f"{list(measured.metric('effective_rank').values())[-1]:.1f}")
    if len(sys.argv) > 1:
        axes = table.plot(axes=axes, label=name)
if axes is not None:
    axes.legend()
    axes.figure.savefig(sys.argv[1])
