#!/usr/bin/env python3
"""Writes the reference vectors under golden/reference: inputs and what PyTorch makes of them.

    python3 scripts/make_reference.py [--output DIR] [NAME ...]

writes the files that are named (`mechanisms` is mechanisms.json), or all. Only this script and
compare_pytorch.py need PyTorch (pip install torch); building, running and testing the project needs
the written files alone.

Everything is computed in float64 on one thread, from inputs that float32 holds exactly, so that
the outputs are an oracle for both the double and the float instantiation. The one exception is
training.json, which has a float32 run beside the float64 one. The last one or two digits depend on
the CPU and on PyTorch's release; compare with a tolerance, never bit for bit.

Layout. Every file is one JSON object:

    "torch"        PyTorch's version
    "python"       Python's version
    "description"  what the file holds, and what a reader must know
    "shared"       object name -> array: inputs that every case of the file uses (may be empty)
    "cases"        list of objects
        "name"      unique in the file
        "settings"  object name -> number or string (may be empty)
        "inputs"    object name -> array (may be empty)
        "outputs"   object name -> array

An array is {"shape": [...], "data": [...]}: data is flat, the last axis fastest; a scalar has
shape [] and one element. Ids and targets are integers, all else is numbers with full float64
digits. Nothing is infinite or NaN; -0.0 occurs. "grad.NAME" among the inputs is the gradient of
a scalar loss with respect to the output NAME; among the outputs it is that loss's gradient with
respect to the input NAME. Sizes: B sequences, T positions, R rows, C channels, V vocabulary.

linear.json         y = x weight^T + bias. inputs x [R,I], weight [O,I], bias [O], grad.y [R,O];
                    outputs y, grad.x, grad.weight, grad.bias
gelu.json           y = x Phi(x), erf form. inputs x [R], grad.y [R]; outputs y, grad.x
cross_entropy.json  mean over rows of -log softmax(logits)[target]. inputs logits [R,C], targets
                    [R]; outputs loss [], grad.logits
layernorm.json      settings epsilon. inputs x [R,C], gain [C], bias [C], grad.y [R,C]; outputs y,
                    grad.x, grad.gain, grad.bias
batchnorm.json      settings epsilon, momentum. inputs x [R,C], gain, bias, running_mean,
                    running_var (before), each [C], grad.y [R,C], and x_eval [R,C], grad.y_eval;
                    outputs y, grad.x, grad.gain, grad.bias (training mode), running_mean,
                    running_var (after the training-mode forward), and with those y_eval,
                    grad.x_eval (evaluation mode)
l2_normalize.json   y = radius x / max(||x||, floor). settings radius, floor. inputs x [R,C],
                    grad.y [R,C]; outputs y, grad.x
attention.json      settings heads. inputs x [B,T,C], in_proj.weight [3C,C] (queries, keys, values),
                    in_proj.bias [3C], out_proj.weight [C,C], out_proj.bias [C], grad.y [B,T,C];
                    outputs y, grad.x, grad.in_proj.weight, grad.in_proj.bias,
                    grad.out_proj.weight, grad.out_proj.bias
embedding.json      y[i] = weight[ids[i]]. inputs ids [R], weight [V,C], grad.y [R,C]; outputs y,
                    grad.weight
adam.json           settings learning_rate, beta1, beta2, epsilon. inputs parameters [N], gradients
                    [S,N]; outputs parameters [S,N] (after each step), first_moment [N],
                    second_moment [N] (after the last step)
adamw.json          the same with settings weight_decay (of the first `decaying` numbers), clip_norm (of
                    all), warmup_steps, steps (S), final_share (of the rate, where the cosine ends);
                    outputs parameters [S,N]
transformer_1.json  one block, one head; transformer_2.json: two blocks, two heads. shared: ids
                    [B,T], targets [B] and every parameter (norms' gain and bias are for layernorm
                    and batchnorm only). A case is an arm. settings arm, blocks, heads. outputs
                    logits [B,V], loss [], activations [B,T,C] (the last block's output), all in
                    training mode; grad.PARAMETER for each parameter the arm has; for batchnorm
                    blocks.N.norm1.running_mean and so on, after that forward; then with the same
                    parameters, in evaluation mode, eval_logits, eval_loss, eval_activations
training.json       one block, one head, 50 steps. shared: ids [50,B,T], targets [50,B] and every
                    parameter's initial value. A case is an arm. settings arm, blocks, heads,
                    learning_rate. outputs losses [50], norm.PARAMETER [] (the L2 norm of the
                    tensor after the last step), all in float64; float32.losses and
                    float32.norm.PARAMETER are the same from the float32 run
encoder.json        the classifier of Experiment 4, small: three blocks, two heads, position 0 read
                    out, K classes. shared: ids [B,T] (padded with id 0), lengths [B], targets
                    [B], every parameter, and probe.N [N] for N = C and F. A case is an arm under a
                    protocol: published (padding is attended to) or masked (it is not). settings
                    arm, protocol, blocks, heads, learning_rate. outputs logits [B,K], loss [];
                    activations.N [P] (block N's output times probe.C at each position that counts,
                    sequence after sequence; padding counts if published); grad.PARAMETER for each
                    parameter the arm has, a block's weight [O,I] times probe.I, hence [O]; and of
                    training steps on this batch: losses [S] (before each), final_logits [B,K]
mechanisms.json     two blocks, two heads, the last position read out, K classes. shared: ids [B,T],
                    targets [B], probe.N [N] for N = C and F, and for every PARAMETER that a case
                    has its value and direction.PARAMETER (v); what has another shape in one case
                    stands among that case's inputs (scalar gains). A case is a normalization's
                    text (torch_mechanisms.py). settings arm (the text), blocks, heads. outputs
                    logits [B,K], loss [] in training mode; grad.PARAMETER and hessian.PARAMETER
                    (the Hessian of the loss times v), a matrix [O,I] times probe.I, hence [O]; for
                    some gauss_newton.PARAMETER likewise (J^T B J v: J the derivative of the logits,
                    B the Hessian of the loss by them); where there are running statistics, those
                    after that forward, and then in evaluation mode eval_logits

Parameters: embedding.weight [V,C]; for each block N: blocks.N.attention.in_proj.weight, .bias,
blocks.N.attention.out_proj.weight, .bias, blocks.N.norm1.gain, .bias, blocks.N.ffn.linear1.weight
[F,C], .bias, blocks.N.ffn.linear2.weight [C,F], .bias, blocks.N.norm2.gain, .bias; head.weight
[V,C], head.bias [V] (in encoder.json K for V). The norms named sphere (radius sqrt(C)) and
manual_l2 (radius 1) are l2_normalize with the floor 1e-9.
"""

import argparse
import json
import math
import pathlib
import platform
import re
import sys

try:
  import torch
except ModuleNotFoundError:
  print("make_reference: PyTorch is not installed; pip install torch (only the scripts "
        "make_reference.py and compare_pytorch.py need it)", file=sys.stderr)
  sys.exit(2)

from torch import nn
from torch.nn import functional

import torch_mechanisms
from torch_model import ARMS, EPSILON, FLOOR, MOMENTUM, L2Normalize, Transformer


def project_name(torch_name):
  name = torch_name.replace("in_proj_", "in_proj.")
  return name.replace("norm1.weight", "norm1.gain").replace("norm2.weight", "norm2.gain")


def draw(*shape, scale=1.0, bits=10):
  """Normal values, cut to a multiple of 2^-bits so that float32 holds them exactly."""
  step = 2.0**-bits
  return torch.round(torch.randn(*shape, dtype=torch.float64) * scale / step) * step


def leaf(tensor):
  return tensor.clone().requires_grad_(True)


def array(value):
  """The JSON form of a tensor or number."""
  tensor = torch.as_tensor(value).detach()
  if tensor.is_floating_point():
    tensor = tensor.double()
    if not torch.isfinite(tensor).all():
      raise ValueError("array: a value is not finite; JSON cannot hold it")
  return {"shape": list(tensor.shape), "data": tensor.reshape(-1).tolist()}


def check_exact(inputs):
  for name, value in inputs.items():
    if value.is_floating_point() and not torch.equal(value, value.float().double()):
      raise ValueError(f"check_exact: {name} is not exact in float32; cut it to fewer bits")


def case(name, settings, inputs, outputs):
  check_exact(inputs)
  return {
      "name": name,
      "settings": settings,
      "inputs": {key: array(value) for key, value in inputs.items()},
      "outputs": {key: array(value) for key, value in outputs.items()},
  }


def vjp_case(name, settings, function, inputs, shape):
  """A case of one op: forward, and the gradients for a drawn gradient of its output."""
  leaves = {key: leaf(value) for key, value in inputs.items()}
  y = function(*leaves.values())
  grad_y = draw(*shape)
  y.backward(grad_y)
  outputs = {"y": y} | {f"grad.{key}": value.grad for key, value in leaves.items()}
  return case(name, settings, inputs | {"grad.y": grad_y}, outputs)


def linear_cases():
  return [
      vjp_case(f"{r}x{i}_to_{o}", {}, functional.linear,
               {"x": draw(r, i), "weight": draw(o, i, scale=0.4), "bias": draw(o)}, (r, o))
      for r, i, o in ((7, 5, 3), (7, 37, 5), (1, 5, 37))
  ]


def gelu_cases():
  large = [2.0**-20, 0.0, 6.5, 8.0, 10.0, 13.5, 20.0, 40.0, 100.0, 1e4, 2.0**100]
  x = torch.tensor([0.125 * k for k in range(-48, 49)] + large + [-v for v in large],
                   dtype=torch.float64)
  return [vjp_case("grid", {}, functional.gelu, {"x": x}, x.shape)]


def cross_entropy_cases():
  extreme = draw(7, 5)
  extreme[0] = torch.tensor([1000.0, -1000.0, 0.0, 999.0, 1000.0])
  extreme[1] = torch.tensor([-1000.0, -1000.0, -1000.0, -1000.0, -1000.0])
  extreme[2] = torch.tensor([0.0, 0.0, 300.0, 0.0, 0.0])
  extreme[3] = torch.tensor([88.0, -88.0, 87.5, -104.0, 3.0])
  cases = []
  for name, logits in (("7x5", draw(7, 5)), ("7x37", draw(7, 37, scale=4.0)), ("large", extreme)):
    targets = torch.randint(logits.shape[1], (logits.shape[0],))
    logits_leaf = leaf(logits)
    loss = functional.cross_entropy(logits_leaf, targets)
    loss.backward()
    cases.append(case(name, {}, {"logits": logits, "targets": targets},
                      {"loss": loss, "grad.logits": logits_leaf.grad}))
  return cases


def layernorm_cases():
  cases = []
  for name, r, c, shift in (("7x5", 7, 5, 0.0), ("7x37", 7, 37, 0.0), ("offset_7x37", 7, 37, 64.0)):
    x = draw(r, c) + shift
    x[3] = x[3, 0].clone()  # a constant row: variance 0
    if shift == 0.0:
      x[4] = x[4] * 2.0**-8  # variance of the order of epsilon
    inputs = {"x": x, "gain": 1.0 + draw(c, scale=0.3), "bias": draw(c)}
    cases.append(vjp_case(name, {"epsilon": EPSILON},
                          lambda x, gain, bias: functional.layer_norm(x, x.shape[1:], gain, bias,
                                                                      EPSILON), inputs, (r, c)))
  return cases


def batchnorm_cases():
  cases = []
  for r, c in ((7, 5), (7, 37), (70, 5)):
    before = {"running_mean": draw(c), "running_var": 1.0 + draw(c).abs()}
    mean, var = before["running_mean"].clone(), before["running_var"].clone()
    x = draw(r, c, scale=2.0) + draw(c)
    x[:, 1] = 0.75  # a constant channel: variance 0
    inputs = {"x": x, "gain": 1.0 + draw(c, scale=0.3), "bias": draw(c)}
    built = vjp_case(f"{r}x{c}", {"epsilon": EPSILON, "momentum": MOMENTUM},
                     lambda x, gain, bias: functional.batch_norm(x, mean, var, gain, bias, True,
                                                                 MOMENTUM, EPSILON), inputs, (r, c))
    x_eval, grad_y_eval = draw(r, c, scale=2.0), draw(r, c)
    eval_leaf = leaf(x_eval)
    y_eval = functional.batch_norm(eval_leaf, mean, var, inputs["gain"], inputs["bias"], False,
                                   MOMENTUM, EPSILON)
    y_eval.backward(grad_y_eval)
    extra = case("", {}, before | {"x_eval": x_eval, "grad.y_eval": grad_y_eval},
                 {"running_mean": mean, "running_var": var, "y_eval": y_eval,
                  "grad.x_eval": eval_leaf.grad})
    built["inputs"] |= extra["inputs"]
    built["outputs"] |= extra["outputs"]
    cases.append(built)
  return cases


def l2_normalize_cases():
  cases = []
  for c in (5, 37):
    for name, radius in (("unit", 1.0), ("sphere", math.sqrt(c))):
      x = draw(7, c)
      x[2] = 0.0  # under the floor: the gradient is radius / floor
      x[3] = x[3] * 2.0**-40  # under the floor
      x[4] = x[4] * 2.0**20
      cases.append(vjp_case(f"{name}_7x{c}", {"radius": radius, "floor": FLOOR},
                            L2Normalize(radius), {"x": x}, (7, c)))
  return cases


def explicit_attention(heads, x, in_weight, in_bias, out_weight, out_bias):
  """Attention in plain tensor operations; an independent check of nn.MultiheadAttention."""
  b, t, c = x.shape
  q, k, v = (part.reshape(b, t, heads, c // heads).transpose(1, 2)
             for part in functional.linear(x, in_weight, in_bias).chunk(3, dim=-1))
  weights = torch.softmax(q @ k.transpose(2, 3) * (c // heads)**-0.5, dim=-1)
  return functional.linear((weights @ v).transpose(1, 2).reshape(b, t, c), out_weight, out_bias)


def attention_cases():
  b, t, c = 3, 5, 8
  cases = []
  for heads in (1, 2):
    module = nn.MultiheadAttention(c, heads, batch_first=True, dtype=torch.float64)
    x = draw(b, t, c)
    x[1, 3] = x[1, 0]  # repeated tokens: equal rows
    x[1, 4] = x[1, 0]
    x[2] = x[2, 0].clone()
    inputs = {"x": x, "in_proj.weight": draw(3 * c, c, scale=0.5), "in_proj.bias": draw(3 * c),
              "out_proj.weight": draw(c, c, scale=0.4), "out_proj.bias": draw(c)}

    def attend(x, *parameters):
      names = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
      y = torch.func.functional_call(module, dict(zip(names, parameters)), (x, x, x),
                                     {"need_weights": False})[0]
      torch.testing.assert_close(y, explicit_attention(heads, x, *parameters), rtol=1e-12,
                                 atol=1e-12)
      return y

    cases.append(vjp_case(f"heads_{heads}", {"heads": heads}, attend, inputs, (b, t, c)))
  return cases


def embedding_cases():
  cases = []
  for name, v, c, ids in (("11x5", 11, 5, [3, 0, 3, 10, 3, 7, 0]),
                          ("all_equal_11x37", 11, 37, [4] * 7)):
    ids = torch.tensor(ids)
    weight, grad_y = draw(v, c), draw(len(ids), c)
    weight_leaf = leaf(weight)
    y = functional.embedding(ids, weight_leaf)
    y.backward(grad_y)
    cases.append(case(name, {}, {"ids": ids, "weight": weight, "grad.y": grad_y},
                      {"y": y, "grad.weight": weight_leaf.grad}))
  return cases


def adam_cases():
  settings = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
  steps, n = 5, 37
  parameters, gradients = draw(n), draw(steps, n)
  gradients[:, 0] = 0.0
  gradients[:, 1] = torch.tensor([0.0, 0.0, 1.0, 0.0, -1.0])
  gradients[:, 2] = 2.0**-30  # of the order of epsilon
  gradients[:, 3] *= 2.0**20
  parameter = leaf(parameters)
  optimizer = torch.optim.Adam([parameter], lr=settings["learning_rate"],
                               betas=(settings["beta1"], settings["beta2"]),
                               eps=settings["epsilon"])
  after = []
  for gradient in gradients:
    parameter.grad = gradient.clone()
    optimizer.step()
    after.append(parameter.detach().clone())
  state = optimizer.state[parameter]
  return [case("steps_5", settings, {"parameters": parameters, "gradients": gradients},
               {"parameters": torch.stack(after), "first_moment": state["exp_avg"],
                "second_moment": state["exp_avg_sq"]})]


def adamw_case(name, settings, decaying, parameters, gradients):
  """AdamW on two tensors, of which one decays, under a schedule and with clipping over both."""
  rate, warmup, steps = (settings[k] for k in ("learning_rate", "warmup_steps", "steps"))
  matrix, vector = leaf(parameters[:decaying]), leaf(parameters[decaying:])
  optimizer = torch.optim.AdamW(
      [{"params": [matrix], "weight_decay": settings["weight_decay"]},
       {"params": [vector], "weight_decay": 0.0}],
      lr=rate, betas=(settings["beta1"], settings["beta2"]), eps=settings["epsilon"])
  schedule = torch.optim.lr_scheduler
  rise = schedule.LinearLR(optimizer, start_factor=1 / warmup, total_iters=warmup - 1)
  fall = schedule.CosineAnnealingLR(optimizer, T_max=steps - warmup,
                                    eta_min=rate * settings["final_share"])
  rates = schedule.SequentialLR(optimizer, [rise, fall], milestones=[warmup])
  after = []
  for gradient in gradients:
    matrix.grad, vector.grad = gradient[:decaying].clone(), gradient[decaying:].clone()
    nn.utils.clip_grad_norm_([matrix, vector], settings["clip_norm"])
    optimizer.step()
    rates.step()
    after.append(torch.cat([matrix.detach(), vector.detach()]))
  return case(name, {**settings, "decaying": decaying},
              {"parameters": parameters, "gradients": gradients},
              {"parameters": torch.stack(after)})


def adamw_cases():
  settings = {"learning_rate": 2.0**-6, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8,
              "weight_decay": 0.5, "clip_norm": 4.0, "warmup_steps": 3, "steps": 8,
              "final_share": 0.125}
  n = 37
  parameters, gradients = draw(n), draw(settings["steps"], n)
  gradients[:, 0] = 0.0  # decay alone moves it
  gradients[2] *= 2.0**-4  # is not clipped
  gradients[5] *= 2.0**6
  return [adamw_case("decays_20", settings, 20, parameters, gradients),
          adamw_case("to_zero", {**settings, "final_share": 0.0}, 20, parameters, gradients)]


def draw_parameters(vocabulary, channels, hidden, blocks, bias_scale, outputs=None):
  """Drawn values for every parameter, named as in the project; near PyTorch's initial scale."""
  model = Transformer("layernorm", vocabulary, channels, hidden, 1, blocks, outputs=outputs)
  values = {}
  for torch_name, parameter in model.named_parameters():
    name = project_name(torch_name)
    if name == "embedding.weight":
      values[name] = draw(*parameter.shape)
    elif name.endswith(".gain"):
      values[name] = 1.0 + draw(*parameter.shape, scale=bias_scale)
    elif name.endswith(".bias"):
      values[name] = draw(*parameter.shape, scale=bias_scale)
    else:
      values[name] = draw(*parameter.shape, scale=0.6 * parameter.shape[1]**-0.5)
  return values


def make_model(arm, values, heads, blocks, dtype=torch.float64, readout=-1):
  vocabulary, channels = values["embedding.weight"].shape
  hidden = values["blocks.0.ffn.linear1.bias"].shape[0]
  outputs = values["head.bias"].shape[0]
  model = Transformer(arm, vocabulary, channels, hidden, heads, blocks, outputs=outputs,
                      readout=readout).to(dtype)
  with torch.no_grad():
    for torch_name, parameter in model.named_parameters():
      parameter.copy_(values[project_name(torch_name)])
  return model


def transformer_case(arm, ids, targets, values, heads, blocks):
  model = make_model(arm, values, heads, blocks)
  activations = model.activations(ids)
  logits = model.head(activations[:, -1])
  loss = functional.cross_entropy(logits, targets)
  loss.backward()
  outputs = {"logits": logits, "loss": loss, "activations": activations}
  outputs |= {f"grad.{project_name(name)}": p.grad for name, p in model.named_parameters()}
  outputs |= {name: b for name, b in model.named_buffers() if "running" in name}
  model.eval()
  # With gradients recorded, so that attention's separate inference kernel stays out.
  activations = model.activations(ids)
  logits = model.head(activations[:, -1])
  outputs |= {"eval_logits": logits, "eval_loss": functional.cross_entropy(logits, targets),
              "eval_activations": activations}
  return case(arm, {"arm": arm, "blocks": blocks, "heads": heads}, {}, outputs)


def transformer_file(heads, blocks):
  values = draw_parameters(vocabulary=11, channels=10, hidden=13, blocks=blocks, bias_scale=0.25)
  # Repeats of every kind: none, of the last token, of another token, and one token alone.
  ids = torch.tensor([[1, 2, 3, 4, 5, 6], [7, 0, 7, 3, 0, 7], [9, 9, 2, 9, 2, 8],
                      [4, 4, 4, 4, 4, 4]])
  targets = torch.tensor([6, 7, 0, 10])
  cases = [transformer_case(arm, ids, targets, values, heads, blocks) for arm in ARMS]
  return {"ids": ids, "targets": targets} | values, cases


def draw_sequences(sequences, positions, keys):
  """The published task: distinct keys, the first is the query; the last but one position is 0."""
  ids = torch.zeros(sequences, positions, dtype=torch.int64)
  for row in ids:
    drawn = torch.randperm(keys)[:positions - 1]
    row[:positions - 2] = drawn[1:]
    row[positions - 1] = drawn[0]
  return ids, ids[:, -1].clone()


def train(arm, ids, targets, values, learning_rate, dtype):
  model = make_model(arm, values, heads=1, blocks=1, dtype=dtype)
  optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
  losses = []
  for step_ids, step_targets in zip(ids, targets):
    optimizer.zero_grad()
    loss = functional.cross_entropy(model(step_ids), step_targets)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
  outputs = {"losses": torch.tensor(losses, dtype=torch.float64)}
  return outputs | {f"norm.{project_name(name)}": parameter.detach().double().norm()
                    for name, parameter in model.named_parameters()}


def training_file():
  steps, sequences, positions, vocabulary = 50, 8, 9, 22
  values = draw_parameters(vocabulary, channels=16, hidden=32, blocks=1, bias_scale=0.125)
  ids, targets = draw_sequences(steps * sequences, positions, vocabulary - 2)
  ids, targets = ids.reshape(steps, sequences, positions), targets.reshape(steps, sequences)
  cases = []
  for arm in ARMS:
    rate = 1e-3 if arm == "none" else 5e-3
    outputs = train(arm, ids, targets, values, rate, torch.float64)
    single = train(arm, ids, targets, values, rate, torch.float32)
    outputs |= {f"float32.{name}": value for name, value in single.items()}
    cases.append(case(arm, {"arm": arm, "blocks": 1, "heads": 1, "learning_rate": rate}, {},
                      outputs))
  return {"ids": ids, "targets": targets} | values, cases


ENCODER_ARMS = ("layernorm", "manual_l2", "none", "sphere")
PADDED = 10
TEXTS = ([5], [3, 9, 3, 14, 9, 3, 22, 1, 17, 9], [8, 8, 8], [12, 4, 12, 19, 4, 7, 12],
         [20, 6, 2, 20])


def check_alone(model, logits):
  """Behind a mask a text's logits must be those of the text alone, without padding or mask."""
  for text, expected in zip(TEXTS, logits):
    torch.testing.assert_close(model(torch.tensor([text]))[0], expected, rtol=1e-12, atol=1e-12)


def encoder_case(arm, protocol, ids, targets, values, probes):
  settings = {"arm": arm, "protocol": protocol, "blocks": 3, "heads": 2, "learning_rate": 2e-4}
  model = make_model(arm, values, settings["heads"], settings["blocks"], readout=0)
  padding = ids == 0
  masked = padding if protocol == "masked" else None
  counts = ~padding if protocol == "masked" else torch.ones_like(padding)
  states = model.states(ids, masked)
  outputs = {"logits": model(ids, masked)}
  if protocol == "masked":
    check_alone(model, outputs["logits"])
  outputs |= {f"activations.{n}": (x @ probes[x.shape[2]])[counts] for n, x in enumerate(states)}
  optimizer = torch.optim.Adam(model.parameters(), lr=settings["learning_rate"])
  losses = []
  for step in range(20):
    optimizer.zero_grad()
    losses.append(functional.cross_entropy(model(ids, masked), targets))
    losses[-1].backward()
    if step == 0:
      for torch_name, parameter in model.named_parameters():
        name, grad = project_name(torch_name), parameter.grad.clone()
        matrix = name.startswith("blocks.") and grad.dim() == 2
        outputs[f"grad.{name}"] = grad @ probes[grad.shape[1]] if matrix else grad
    optimizer.step()
  outputs |= {"loss": losses[0], "losses": torch.stack(losses),
              "final_logits": model(ids, masked)}
  return case(f"{arm}_{protocol}", settings, {}, outputs)


def encoder_file():
  channels, hidden = 12, 20
  values = draw_parameters(vocabulary=23, channels=channels, hidden=hidden, blocks=3,
                           bias_scale=0.25, outputs=4)
  probes = {n: draw(n) for n in (channels, hidden)}
  ids = torch.tensor([text + [0] * (PADDED - len(text)) for text in TEXTS])
  targets = torch.tensor([2, 0, 3, 1, 2])
  cases = [encoder_case(arm, protocol, ids, targets, values, probes)
           for arm in ENCODER_ARMS for protocol in ("published", "masked")]
  shared = {"ids": ids, "lengths": torch.tensor([len(text) for text in TEXTS]),
            "targets": targets} | {f"probe.{n}": probe for n, probe in probes.items()}
  return shared | values, cases


# Every norm of the catalogue, every stabilizer, kind of affine part, placement and residual scale.
MECHANISMS = (
    "layernorm", "batchnorm", "manual_l2", "sphere", "none", "rmsnorm", "scalenorm",
    "groupnorm+groups=2", "instancenorm", "powernorm", "dyt", "derf", "dyisru",
    "rms+gain@pre", "layernorm@pre@qk:rms+gain", "batchnorm@pre", "layernorm@sandwich",
    "instancenorm@sandwich", "layernorm@deep", "unit_sphere@deep@residual_channels", "dyt@pre",
    "identity@pre@residual_scalar", "layernorm@residual_channels@qk:unit_sphere", "centre@pre",
    "rms+gain+bias+groups=5", "standardize+scalar_gain",
    "root_sphere+bias@sandwich@residual_channels@qk:unit_sphere+scalar_gain",
    "standardize_columns+scalar_gain", "power_columns+bias@pre@qk:standardize+gain+bias",
    "standardize_instances+gain+groups=5@pre", "tanh+scalar_gain@deep@residual_scalar",
    "erf+bias@pre", "isru+gain", "centre+bias+groups=2@deep",
)
GAUSS_NEWTON = ("batchnorm@pre", "unit_sphere@deep@residual_channels")
CATALOGUE = pathlib.Path(__file__).resolve().parent.parent / "libnorm/norms/catalogue.cpp"


def all_mechanisms():
  """MECHANISMS, and each stabilizer of the library's catalogue that is in none of them."""
  source = CATALOGUE.read_text(encoding="utf-8").split("named_stabilizers() {")[1].split("};")[0]
  texts = list(MECHANISMS)
  for name in re.findall(r'^ +\{"(\w+)",', source, re.MULTILINE):
    if any(re.split("[+@]", text)[0] == name for text in MECHANISMS):
      continue
    if name in vars(torch_mechanisms.Norm):
      texts.append(f"{name}+gain+bias@pre")
    else:
      print(f"no PyTorch reference yet: {name}; need it as a method of Norm in "
            "scripts/torch_mechanisms.py", file=sys.stderr)
  return texts


def draw_mechanism_value(name, channels):
  """A value for the parameter, [C] for a gain even where a case has one number."""
  owner, kind = name.rsplit(".", 1)
  if kind == "gain":
    return (0.5 if owner.endswith("_scale") else 1.0) + draw(channels, scale=0.25)
  if kind == "bias":
    return draw(channels, scale=0.25)
  return {"alpha": 0.75, "shift": 0.25, "beta": float(channels)}[kind] + draw(1, scale=0.125)


def hessian_product(loss, parameters, direction):
  """The gradient, and the Hessian times the direction: the derivative of gradient . direction."""
  gradient = torch.autograd.grad(loss, parameters, create_graph=True, materialize_grads=True)
  along = sum((g * v).sum() for g, v in zip(gradient, direction))
  return gradient, torch.autograd.grad(along, parameters, retain_graph=True,
                                       materialize_grads=True)


def gauss_newton_product(logits, parameters, direction):
  """J^T B J v. u -> v . J^T u is linear, and its derivative is J v."""
  u = torch.zeros_like(logits, requires_grad=True)
  pulled = torch.autograd.grad(logits, parameters, u, create_graph=True, materialize_grads=True)
  along = sum((g * v).sum() for g, v in zip(pulled, direction))
  pushed = torch.autograd.grad(along, u, retain_graph=True)[0]
  p = torch.softmax(logits, dim=1)
  curved = p * (pushed - (p * pushed).sum(1, keepdim=True)) / len(logits)
  return torch.autograd.grad(logits, parameters, curved, retain_graph=True,
                             materialize_grads=True)


def check_published(text, model, ids, logits):
  """The published model, which is written with PyTorch's own attention, must say the same."""
  if text in ARMS:
    values = {torch_mechanisms.project_name(n): p for n, p in model.named_parameters()}
    torch.testing.assert_close(make_model(text, values, heads=2, blocks=2)(ids), logits,
                               rtol=1e-12, atol=1e-12)


def mechanism_case(text, model, shared):
  names = [torch_mechanisms.project_name(n) for n, _ in model.named_parameters()]
  parameters = [p for _, p in model.named_parameters()]
  inputs, direction = {}, []
  for name, parameter in zip(names, parameters):
    given = {key: shared[key] for key in (name, f"direction.{name}")}
    if parameter.shape != shared[name].shape:
      given = {key: value[:1] for key, value in given.items()}
      inputs |= given
    with torch.no_grad():
      parameter.copy_(given[name])
    direction.append(given[f"direction.{name}"])
  logits = model(shared["ids"])
  check_published(text, model, shared["ids"], logits)
  loss = functional.cross_entropy(logits, shared["targets"])
  outputs = {"logits": logits, "loss": loss}
  products = dict(zip(("grad", "hessian"), hessian_product(loss, parameters, direction)))
  if text in GAUSS_NEWTON:
    products["gauss_newton"] = gauss_newton_product(logits, parameters, direction)
  for kind, tensors in products.items():
    for name, t in zip(names, tensors):
      outputs[f"{kind}.{name}"] = t @ shared[f"probe.{t.shape[1]}"] if t.dim() == 2 else t
  running = {name: b for name, b in model.named_buffers() if "running" in name}
  if running:
    model.eval()
    outputs |= running | {"eval_logits": model(shared["ids"])}
  return case(text, {"arm": text, "blocks": 2, "heads": 2}, inputs, outputs)


def mechanisms_file():
  vocabulary, channels, hidden, outputs = 8, 10, 5, 3
  models = {text: torch_mechanisms.Transformer(text, vocabulary, channels, hidden, heads=2,
                                               blocks=2, outputs=outputs).double()
            for text in all_mechanisms()}
  values = draw_parameters(vocabulary, channels, hidden, blocks=2, bias_scale=0.25,
                           outputs=outputs)
  for model in models.values():
    for torch_name, _ in model.named_parameters():
      name = torch_mechanisms.project_name(torch_name)
      if name not in values:
        values[name] = draw_mechanism_value(name, channels)
  # Repeats, but four tokens or more in each sequence: of fewer, InstanceNorm leaves little but
  # rounding.
  shared = {"ids": torch.tensor([[1, 2, 3, 4, 5, 6], [7, 0, 7, 3, 0, 2], [6, 5, 2, 6, 2, 1],
                                 [4, 1, 4, 5, 0, 4]]),
            "targets": torch.tensor([2, 0, 2, 1])}
  shared |= {f"probe.{n}": draw(n) for n in (channels, hidden)} | values
  shared |= {f"direction.{name}": draw(*value.shape) for name, value in values.items()}
  return shared, [mechanism_case(text, model, shared) for text, model in models.items()]


TAIL = ("PyTorch forms 1 + erf(x / sqrt 2) as written, so for x < -4 only the absolute error is "
        "small (about 1e-16 |x|); compare absolutely there.")
NO_GRADIENT = ("The key third of each in_proj.bias has no effect on the loss, so its gradient is "
               "rounding noise around 0; so have, for batchnorm, out_proj.bias, linear2.bias and "
               "the value third of in_proj.bias. Compare these absolutely.")
AMPLIFIED = (NO_GRADIENT + " Adam makes steps of that noise, so the final norms of those tensors "
             "are not reproducible in float32.")

FILES = {
    "linear": ("Linear layer: forward and gradients.", linear_cases),
    "gelu": ("Exact (erf) GELU: forward and gradient. " + TAIL, gelu_cases),
    "cross_entropy": ("Softmax cross-entropy, mean over rows: loss and gradient.",
                      cross_entropy_cases),
    "layernorm": ("LayerNorm with gain and bias: forward and gradients. Row 3 is constant; row 4 "
                  "has a variance of the order of epsilon (not in offset_7x37, whose mean of 64 "
                  "costs float32 two digits).", layernorm_cases),
    "batchnorm": ("BatchNorm over rows: training mode (biased variance), running estimates "
                  "(unbiased variance), evaluation mode. Channel 1 is constant.", batchnorm_cases),
    "l2_normalize": ("L2 normalization with a floor. Rows 2 and 3 lie under the floor.",
                     l2_normalize_cases),
    "attention": ("Multi-head self-attention, no mask. Sequences 1 and 2 hold equal rows. "
                  + NO_GRADIENT, attention_cases),
    "embedding": ("Embedding with repeated ids: forward and gradient.", embedding_cases),
    "adam": ("torch.optim.Adam: 5 steps on given gradients.", adam_cases),
    "transformer_1": ("The transformer of Experiments 1-3, one block, one head, per arm. "
                      + NO_GRADIENT, lambda: transformer_file(heads=1, blocks=1)),
    "transformer_2": ("The transformer of Experiments 1-3, two blocks, two heads, per arm. "
                      + NO_GRADIENT, lambda: transformer_file(heads=2, blocks=2)),
    "training": ("50 steps of training per arm, in float64 and in float32. " + AMPLIFIED,
                 training_file),
    "encoder": ("The classifier of Experiment 4, small, per arm and protocol: forward, gradients, "
                "20 steps of Adam. Gradients of the blocks' weights and activations are given as "
                "products with drawn vectors. " + NO_GRADIENT, encoder_file),
    "mechanisms": ("Every normalization mechanism in a small transformer: forward, gradients, "
                   "products with the Hessian by double backward, and for some with the "
                   "Gauss-Newton matrix. Those of matrices are given as products with drawn "
                   "vectors. " + NO_GRADIENT, mechanisms_file),
    # A file's place is its seed: add at the end.
    "adamw": ("torch.optim.AdamW: 8 steps on given gradients, clipped by their norm, with linear "
              "warm-up and a cosine.", adamw_cases),
}


def to_text(value, indent=0):
  """JSON with one line for each array, so that a change shows where it is."""
  inner, outer = " " * (indent + 1), " " * indent
  if isinstance(value, dict) and value and "data" not in value:
    items = (f"{inner}{json.dumps(k)}: {to_text(v, indent + 1)}" for k, v in value.items())
    return "{\n" + ",\n".join(items) + f"\n{outer}}}"
  if isinstance(value, list):
    return "[\n" + ",\n".join(inner + to_text(v, indent + 1) for v in value) + f"\n{outer}]"
  return json.dumps(value, separators=(",", ":"), allow_nan=False)


def main():
  default = pathlib.Path(__file__).resolve().parent.parent / "golden" / "reference"
  parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
  parser.add_argument("--output", type=pathlib.Path, default=default, metavar="DIR")
  parser.add_argument("names", nargs="*", metavar="NAME")
  arguments = parser.parse_args()
  unknown = set(arguments.names) - set(FILES)
  if unknown:
    parser.error(f"no such file ({', '.join(sorted(unknown))}); need some of {', '.join(FILES)}")
  output = arguments.output
  output.mkdir(parents=True, exist_ok=True)
  torch.set_num_threads(1)
  torch.use_deterministic_algorithms(True)
  for seed, (name, (description, build)) in enumerate(FILES.items()):
    if arguments.names and name not in arguments.names:
      continue
    torch.manual_seed(seed)
    built = build()
    shared, cases = built if isinstance(built, tuple) else ({}, built)
    check_exact(shared)
    content = {"torch": torch.__version__, "python": platform.python_version(),
               "description": description,
               "shared": {key: array(value) for key, value in shared.items()}, "cases": cases}
    path = output / f"{name}.json"
    path.write_text(to_text(content) + "\n", encoding="utf-8")
    print(f"{path} {path.stat().st_size} bytes, {len(cases)} cases")


if __name__ == "__main__":
  main()
