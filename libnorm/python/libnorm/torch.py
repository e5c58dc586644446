"""The curvature of your own torch model. The only part of libnorm that imports torch."""

import copy

import numpy as np
import torch

from .objective import Objective

__all__ = ["objective", "load"]


def _flat(tensors, like):
    return np.concatenate([
        (torch.zeros_like(p) if t is None else t).detach().reshape(-1).double().cpu().numpy()
        for t, p in zip(tensors, like)])


class _Model:
    """A copy of a model whose parameters are set from flat vectors; the user's does not change."""

    def __init__(self, model, loss, parameters, seed):
        self.model, self.loss_of, self.seed = copy.deepcopy(model), loss, seed
        named = dict(self.model.named_parameters())
        names = [n for n, p in named.items() if p.requires_grad] if parameters is None else list(parameters)
        for name in names:
            if name not in named:
                raise ValueError(f"objective: no parameter has this name ({name}); there are {', '.join(named)}")
        self.parameters = [named[name].requires_grad_(True) for name in names]
        self.shapes = [(name, tuple(named[name].shape)) for name in names]
        self.weights = _flat(self.parameters, self.parameters)
        self.buffers = [(b, b.clone()) for b in self.model.buffers()]
        self.last = None

    def split(self, vector):
        vector, parts, at = torch.from_numpy(np.array(vector)), [], 0
        for p in self.parameters:
            parts.append(vector[at:at + p.numel()].view(p.shape).to(p.device, p.dtype))
            at += p.numel()
        return parts

    def loss(self, w, batch):
        if self.last is not w:
            with torch.no_grad():
                for p, part in zip(self.parameters, self.split(w)):
                    p.copy_(part)
            self.last, self.graph = w, None
        with torch.no_grad():
            for buffer, first in self.buffers:
                buffer.copy_(first)
        # Dropout and the like draw the same numbers each time.
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            return self.loss_of(self.model, batch)

    def value(self, w, batch):
        with torch.no_grad():
            return self.loss(w, batch).item()

    def loss_and_gradient(self, w, batch):
        loss = self.loss(w, batch)
        return loss.item(), _flat(torch.autograd.grad(loss, self.parameters, allow_unused=True), self.parameters)

    def gradient_graph(self, w, batch):
        """The gradient with its graph; kept for as long as w and the batch are the same."""
        if self.last is w and self.graph is not None and self.graph[0] is batch:
            return self.graph[1]
        loss = self.loss(w, batch)
        gradient = torch.autograd.grad(loss, self.parameters, create_graph=True, allow_unused=True)
        self.graph = batch, gradient
        return gradient

    def hessian_vector_product(self, w, v, batch):
        pairs = [(g, part) for g, part in zip(self.gradient_graph(w, batch), self.split(v))
                 if g is not None and g.requires_grad]
        if not pairs:
            return np.zeros(self.weights.size)
        product = torch.autograd.grad([g for g, _ in pairs], self.parameters, [part for _, part in pairs],
                                      retain_graph=True, allow_unused=True)
        return _flat(product, self.parameters)


def objective(model, loss, batches, parameters=None, weights=None, seed=0):
    """The mean over batches of loss(model, batch), a scalar tensor, as a function of the model's parameters.

    parameters: names of those that w holds; all that require a gradient if None. weights: of the
    batches; equal if None. seed: of dropout and the like. A copy of the model is made, in the mode
    (training or evaluation) that it is in; the model itself does not change. Products with the Hessian
    are exact, by differentiating twice, in the model's precision: model.double() gives more digits.

    Returns an Objective that also has `initial` (w [n], float64) and `shapes` ((name, shape) of each tensor, for
    direction()).
    """
    own = _Model(model, loss, parameters, seed)
    result = Objective(own.loss_and_gradient, own.hessian_vector_product, dimension=own.weights.size,
                       loss=own.value, batches=batches, weights=weights)
    result.initial, result.shapes = own.weights, own.shapes
    return result


def load(module, tensors):
    """Loads a model's arrays, as Run.weights() or Transformer.state give them, into a torch module.

    The module's names are ours, but for a norm's gain, which torch calls weight, and MultiheadAttention's
    in_proj_weight and in_proj_bias. Raises: ValueError for names that only one of the two has.
    """
    named = {name.replace("in_proj.", "in_proj_").replace(".gain", ".weight"): array
             for name, array in tensors.items()}
    state = {name: tensor for name, tensor in module.state_dict().items()
             if not name.endswith("num_batches_tracked")}
    if state.keys() != named.keys():
        raise ValueError(f"load: names that only one of the two has ({', '.join(sorted(state.keys() ^ named.keys()))})"
                         "; need the same")
    with torch.no_grad():
        for name, array in named.items():
            state[name].copy_(torch.from_numpy(np.array(array)).reshape(state[name].shape))
    return module
