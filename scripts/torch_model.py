"""The published model in PyTorch, for make_reference.py and compare_pytorch.py."""

import math

from torch import nn
from torch.nn import functional

EPSILON = 1e-5
FLOOR = 1e-9
MOMENTUM = 0.1
ARMS = ("layernorm", "batchnorm", "manual_l2", "sphere", "none")


class RowBatchNorm(nn.BatchNorm1d):
  """BatchNorm over all rows: batch and positions are one axis."""

  def forward(self, x):
    return super().forward(x.reshape(-1, x.shape[-1])).reshape(x.shape)


class L2Normalize(nn.Module):

  def __init__(self, radius):
    super().__init__()
    self.radius = radius

  def forward(self, x):
    y = functional.normalize(x, dim=-1, eps=FLOOR)
    return y if self.radius == 1.0 else self.radius * y


def make_norm(arm, channels):
  if arm == "layernorm":
    return nn.LayerNorm(channels, eps=EPSILON)
  if arm == "batchnorm":
    return RowBatchNorm(channels, eps=EPSILON, momentum=MOMENTUM)
  if arm == "manual_l2":
    return L2Normalize(1.0)
  if arm == "sphere":
    return L2Normalize(math.sqrt(channels))
  if arm == "none":
    return nn.Identity()
  raise ValueError(f"make_norm: unknown arm ({arm}); need one of {', '.join(ARMS)}")


class FeedForward(nn.Module):

  def __init__(self, channels, hidden):
    super().__init__()
    self.linear1 = nn.Linear(channels, hidden)
    self.linear2 = nn.Linear(hidden, channels)

  def forward(self, x):
    return self.linear2(functional.gelu(self.linear1(x)))


class Block(nn.Module):

  def __init__(self, arm, channels, hidden, heads):
    super().__init__()
    self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)
    self.norm1 = make_norm(arm, channels)
    self.ffn = FeedForward(channels, hidden)
    self.norm2 = make_norm(arm, channels)

  def attend(self, x, masked=None):
    return self.attention(x, x, x, key_padding_mask=masked, need_weights=False)[0]

  def forward(self, x, masked=None):
    x = self.norm1(x + self.attend(x, masked))
    return self.norm2(x + self.ffn(x))


class Transformer(nn.Module):
  """The published model: post-norm blocks, no positions, a head on one position.

  Experiments 1 to 3 read the last position and tell all tokens apart. `masked` [B, T] is true
  where no position may attend to; the published models mask nothing, not even padding.
  """

  def __init__(self, arm, vocabulary, channels, hidden, heads=1, blocks=1, block_type=Block,
               outputs=None, readout=-1):
    super().__init__()
    self.embedding = nn.Embedding(vocabulary, channels)
    self.blocks = nn.ModuleList(block_type(arm, channels, hidden, heads) for _ in range(blocks))
    self.head = nn.Linear(channels, vocabulary if outputs is None else outputs)
    self.readout = readout

  def states(self, ids, masked=None):
    """The output of each block."""
    states = [self.embedding(ids)]
    for block in self.blocks:
      states.append(block(states[-1], masked))
    return states[1:]

  def activations(self, ids, masked=None):
    return self.states(ids, masked)[-1]

  def forward(self, ids, masked=None):
    return self.head(self.activations(ids, masked)[:, self.readout])
