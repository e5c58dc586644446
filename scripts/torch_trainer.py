"""PyTorch's side of compare_pytorch.py: the published model in its forms, and batches for it."""

import itertools
import statistics

import torch
from torch.nn import functional

from torch_model import Block, Transformer

KEYS, POSITIONS = 400, 41
PADDED, BEGIN, END, FIRST_WORD = 128, 101, 102, 103
ADAMS = {"single": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}


class ExplicitBlock(Block):
  """Attention in plain tensor operations, on the parameters of nn.MultiheadAttention."""

  def attend(self, x, masked=None):
    if masked is not None:
      raise ValueError("ExplicitBlock: a mask arrived; need none")
    attention = self.attention
    sequences, positions, channels = x.shape
    width = channels // attention.num_heads
    q, k, v = (part.reshape(sequences, positions, attention.num_heads, width).transpose(1, 2)
               for part in functional.linear(x, attention.in_proj_weight,
                                             attention.in_proj_bias).chunk(3, -1))
    weights = torch.softmax(q @ k.transpose(2, 3) * width**-0.5, dim=-1)
    return attention.out_proj((weights @ v).transpose(1, 2).reshape(x.shape))


BLOCKS = {"module": Block, "explicit": ExplicitBlock}


def describe():
  return f"PyTorch {torch.__version__.split('+')[0]} ({torch.backends.cpu.get_cpu_capability()})"


def recall_batches(batch):
  """Eight batches of the published task: ids [B, 41] and targets [B]."""
  batches = []
  for seed in range(8):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(batch, KEYS, generator=generator).argsort(1)[:, :POSITIONS - 1]
    ids = torch.zeros(batch, POSITIONS, dtype=torch.int64)
    ids[:, :POSITIONS - 2] = drawn[:, 1:]
    ids[:, -1] = drawn[:, 0]
    batches.append((ids, drawn[:, 0].clone()))
  return batches


def generated_texts(vocabulary, count):
  """Texts with the lengths and word frequencies of libnorm/data/topics.hpp."""
  generator = torch.Generator().manual_seed(0)

  def below(n):
    return torch.randint(n, (count,), generator=generator)

  lengths = 21 + below(31) + below(31) + (below(16) == 0) * below(62)
  weights = 1.0 / (3.0 + torch.arange(vocabulary - FIRST_WORD, dtype=torch.float64))
  words = FIRST_WORD + torch.multinomial(weights, count * PADDED, replacement=True,
                                         generator=generator).reshape(count, PADDED)
  return [([BEGIN] + row[:min(length, PADDED) - 2].tolist() + [END], i % 4)
          for i, (row, length) in enumerate(zip(words, lengths.tolist()))]


def padded_batches(texts, batch):
  """Batches of ids [B, 128], padded with id 0, and targets [B]; and a description of the texts."""
  ids = torch.tensor([text + [0] * (PADDED - len(text)) for text, _ in texts])
  targets = torch.tensor([label for _, label in texts])
  length = statistics.mean(len(text) for text, _ in texts)
  distinct = statistics.mean(len(set(text)) + (len(text) < PADDED) for text, _ in texts)
  return list(zip(ids.split(batch), targets.split(batch))), (
      f"{length:.1f} tokens a text, {distinct:.1f} distinct with padding")


class Trainer:
  """Trains one arm in one form, and keeps training from call to call."""

  def __init__(self, scale, arm, form, batches):
    torch.manual_seed(0)
    torch._dynamo.reset()  # Else what was compiled for earlier forms counts against its limit.
    model = Transformer(arm, scale.vocabulary, scale.channels, scale.hidden, scale.heads,
                        scale.blocks, block_type=BLOCKS[form.attention], outputs=scale.outputs,
                        readout=scale.readout)
    self.optimizer = torch.optim.Adam(model.parameters(), lr=scale.rates[arm], **ADAMS[form.adam])
    self.model = torch.compile(model) if form.compiled else model
    self.threads = form.threads
    self.batches = itertools.cycle(batches)

  def train(self, steps):
    torch.set_num_threads(self.threads)
    for ids, targets in itertools.islice(self.batches, steps):
      self.optimizer.zero_grad(set_to_none=True)
      loss = functional.cross_entropy(self.model(ids), targets)
      loss.backward()
      self.optimizer.step()
      loss.item()
