"""Every normalization mechanism of the library in PyTorch, for make_reference.py.

Written from the papers' equations; where PyTorch has a module of its own, that one stands under the
published name. A text names a mechanism as the library's parse_normalization reads it:
`rms+gain@pre@qk:rms+gain`.
"""

import math
import re

import torch
from torch import nn
from torch.nn import functional

from torch_model import EPSILON, FLOOR, MOMENTUM, FeedForward, RowBatchNorm

# Numbers that shape a pointwise stabilizer.
SHAPES = {"tanh": ("alpha",), "erf": ("alpha", "shift"), "isru": ("beta",)}


class SequenceGroupNorm(nn.GroupNorm):
  """PyTorch's GroupNorm takes channels before positions."""

  def forward(self, x):
    return super().forward(x.transpose(1, 2)).transpose(1, 2)


class SequenceInstanceNorm(nn.InstanceNorm1d):

  def forward(self, x):
    return super().forward(x.transpose(1, 2)).transpose(1, 2)


def root_mean_square(x, axes):
  return torch.sqrt(x.square().mean(axes, keepdim=True) + EPSILON)


def standardized(x, axes):
  return (x - x.mean(axes, keepdim=True)) / torch.sqrt(
      x.var(axes, correction=0, keepdim=True) + EPSILON)


class Norm(nn.Module):
  """gain z + bias of x [B, T, C], z as a stabilizer's name tells."""

  def __init__(self, stabilizer, channels, groups=1, gain=0, bias=False, floor=FLOOR):
    super().__init__()
    self.stabilizer, self.groups, self.floor = stabilizer, groups, floor
    if gain > 0:
      self.gain = nn.Parameter(torch.ones(gain))
    if bias:
      self.bias = nn.Parameter(torch.zeros(channels))
    for name in SHAPES.get(stabilizer, ()):
      self.register_parameter(name, nn.Parameter(torch.ones(1)))
    if stabilizer == "standardize_columns":
      self.register_buffer("running_mean", torch.zeros(channels))
    if stabilizer in ("standardize_columns", "power_columns"):
      self.register_buffer("running_var", torch.ones(channels))

  def forward(self, x):
    # Groups of channels have an axis of their own.
    z = getattr(self, self.stabilizer)(x.unflatten(-1, (self.groups, -1))).reshape(x.shape)
    if hasattr(self, "gain"):
      z = z * self.gain
    return z + self.bias if hasattr(self, "bias") else z

  def identity(self, x):
    return x

  def unit_sphere(self, x):
    return functional.normalize(x, dim=-1, eps=self.floor)

  def root_sphere(self, x):
    return math.sqrt(x.shape[-1]) * self.unit_sphere(x)

  def rms(self, x):
    return x / root_mean_square(x, -1)

  def standardize(self, x):
    return standardized(x, -1)

  def centre(self, x):
    return x - x.mean(-1, keepdim=True)

  def standardize_instances(self, x):
    return standardized(x, (1, 3))

  def standardize_columns(self, x):
    x = x.squeeze(2)
    if self.training:
      self.keep("running_mean", x.mean((0, 1)))
      self.keep("running_var", x.var((0, 1), correction=1))
      return standardized(x, (0, 1))
    return (x - self.running_mean) / torch.sqrt(self.running_var + EPSILON)

  def power_columns(self, x):
    x = x.squeeze(2)
    if self.training:
      self.keep("running_var", x.square().mean((0, 1)))
      return x / root_mean_square(x, (0, 1))
    return x / torch.sqrt(self.running_var + EPSILON)

  def keep(self, name, batch):
    getattr(self, name).mul_(1 - MOMENTUM).add_(batch.detach(), alpha=MOMENTUM)

  def tanh(self, x):
    return torch.tanh(self.alpha * x)

  def erf(self, x):
    return torch.erf(self.alpha * x + self.shift)

  def isru(self, x):
    return math.sqrt(x.shape[-1]) * x / torch.sqrt(self.beta + x.square())


# Made from channels and groups.
PUBLISHED = {
    "layernorm": lambda c, g: nn.LayerNorm(c, eps=EPSILON),
    "batchnorm": lambda c, g: RowBatchNorm(c, eps=EPSILON, momentum=MOMENTUM),
    "manual_l2": lambda c, g: Norm("unit_sphere", c),
    "sphere": lambda c, g: Norm("root_sphere", c),
    "none": lambda c, g: nn.Identity(),
    "rmsnorm": lambda c, g: nn.RMSNorm(c, eps=EPSILON),
    "scalenorm": lambda c, g: Norm("unit_sphere", c, gain=1, floor=1e-5),
    "groupnorm": lambda c, g: SequenceGroupNorm(g, c, eps=EPSILON),
    "instancenorm": lambda c, g: SequenceInstanceNorm(c, eps=EPSILON),
    "powernorm": lambda c, g: Norm("power_columns", c, gain=c, bias=True),
    "dyt": lambda c, g: Norm("tanh", c, gain=c, bias=True),
    "derf": lambda c, g: Norm("erf", c, gain=c, bias=True),
    "dyisru": lambda c, g: Norm("isru", c, gain=c, bias=True),
}


def make_norm(text, channels, groups=1):
  name, *words = text.split("+")
  for word in words:
    if word.startswith("groups="):
      groups = int(word.removeprefix("groups="))
  if name in PUBLISHED:
    return PUBLISHED[name](channels, groups)
  gain = channels if "gain" in words else 1 if "scalar_gain" in words else 0
  return Norm(name, channels, groups, gain, "bias" in words)


class Attention(nn.Module):
  """In plain operations, which can be differentiated twice; with norms of queries and keys."""

  def __init__(self, channels, heads, query_key_norm):
    super().__init__()
    self.heads = heads
    self.in_proj = nn.Linear(channels, 3 * channels)
    self.out_proj = nn.Linear(channels, channels)
    self.has_norms = query_key_norm is not None
    if self.has_norms:
      # A head's queries are a group of channels, and each of its channels has a gain of its own.
      self.query_norm = make_norm(query_key_norm, channels, heads)
      self.key_norm = make_norm(query_key_norm, channels, heads)

  def forward(self, x):
    q, k, v = self.in_proj(x).chunk(3, dim=-1)
    if self.has_norms:
      q, k = self.query_norm(q), self.key_norm(k)
    q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (q, k, v))
    weights = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(q.shape[-1]), dim=-1)
    return self.out_proj((weights @ v).transpose(1, 2).flatten(-2))


class Mechanism:
  """What a text says."""

  def __init__(self, text):
    self.norm, *words = text.split("@")
    named = [word for word in words if word in ("post", "pre", "sandwich", "deep")]
    self.placement = named[0] if named else "post"
    self.query_key_norm = next((w.removeprefix("qk:") for w in words if w.startswith("qk:")), None)
    self.scale = next((w for w in words if w.startswith("residual_")), None)

  def enters(self):
    return self.placement in ("pre", "sandwich")


class Block(nn.Module):

  def __init__(self, mechanism, channels, hidden, heads, blocks):
    super().__init__()
    self.mechanism = mechanism
    # DeepNorm's alpha of an encoder of so many layers.
    self.alpha = (2 * blocks)**0.25 if mechanism.placement == "deep" else 1.0
    self.attention = Attention(channels, heads, mechanism.query_key_norm)
    self.ffn = FeedForward(channels, hidden)
    for name in ("norm1", "norm2"):
      self.add_module(name, make_norm(mechanism.norm, channels))
      if mechanism.placement == "sandwich":
        self.add_module(f"{name}_out", make_norm(mechanism.norm, channels))
      if mechanism.scale is not None:
        count = 1 if mechanism.scale == "residual_scalar" else channels
        self.add_module(f"{name}_scale", Norm("identity", channels, gain=count))

  def residual(self, name, x, f):
    norm = getattr(self, name)
    branch = f(norm(x) if self.mechanism.enters() else x)
    for behind in (f"{name}_out", f"{name}_scale"):
      if hasattr(self, behind):
        branch = getattr(self, behind)(branch)
    return x + branch if self.mechanism.enters() else norm(self.alpha * x + branch)

  def forward(self, x):
    return self.residual("norm2", self.residual("norm1", x, self.attention), self.ffn)


class Transformer(nn.Module):
  """No positions, a head on the last one; a last norm where the blocks' own stand before f."""

  def __init__(self, text, vocabulary, channels, hidden, heads, blocks, outputs):
    super().__init__()
    mechanism = Mechanism(text)
    self.embedding = nn.Embedding(vocabulary, channels)
    self.blocks = nn.ModuleList(
        Block(mechanism, channels, hidden, heads, blocks) for _ in range(blocks))
    if mechanism.enters():
      self.final_norm = make_norm(mechanism.norm, channels)
    self.head = nn.Linear(channels, outputs)

  def forward(self, ids):
    x = self.embedding(ids)
    for block in self.blocks:
      x = block(x)
    if hasattr(self, "final_norm"):
      x = self.final_norm(x)
    return self.head(x[:, -1])


def project_name(torch_name):
  """PyTorch's norms name their gain weight."""
  return re.sub(r"(norm\w*)\.weight$", r"\1.gain", torch_name)
