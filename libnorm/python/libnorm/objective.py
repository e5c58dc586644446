"""An objective of the user's own, from callables."""

import numpy as np


class Objective:
    """A mean loss over batches as a function of its weights w [dimension], for eigenvalues() and the like.

    loss_and_gradient(w) returns (loss, gradient [dimension]), hessian_vector_product(w, v) returns
    H(w) v [dimension]; without it, products come from differences of gradients. loss(w) may give the
    loss alone where that is cheaper, gauss_newton_product(w, v) the product J^T B J v.

    With `batches`, each callable also takes a batch as its last argument, and the objective is the mean
    over them, weighted by `weights` (equal ones if None).

    w and v arrive as float64 arrays; w is the same object for as long as its numbers are the same, so
    that a callable may keep what it made of it. The same w must always give the same numbers.
    """

    def __init__(self, loss_and_gradient, hessian_vector_product=None, *, dimension, loss=None,
                 gauss_newton_product=None, batches=None, weights=None):
        self.dimension = int(dimension)
        self._batches = None if batches is None else list(batches)
        if self._batches is not None and not self._batches:
            raise ValueError("Objective: no batches (an empty list); need one at least")
        count = 1 if self._batches is None else len(self._batches)
        shares = np.ones(count) if weights is None else np.asarray(weights, dtype=np.float64)
        if shares.shape != (count,) or not (shares > 0).all():
            raise ValueError(f"Objective: weights do not fit ({weights!r}); need a number above 0 for each of "
                             f"{count} batches")
        self._shares = shares / shares.sum()
        self._both, self._loss = loss_and_gradient, loss
        self._last = None
        # None where there is no such product: the library looks.
        self.hessian_vector_product = self._product(hessian_vector_product)
        self.gauss_newton_product = self._product(gauss_newton_product)

    def _mean(self, call, *arguments):
        if self._batches is None:
            return call(*arguments)
        return sum(share * call(*arguments, batch)
                   for share, batch in zip(self._shares, self._batches))

    def _product(self, call):
        if call is None:
            return None
        return lambda w, v: self._mean(lambda *a: np.asarray(call(*a), dtype=np.float64), w, v)

    def loss(self, w):
        """The mean loss."""
        if self._loss is not None:
            return float(self._mean(self._loss, w))
        return self._loss_and_gradient(w)[0]

    def gradient(self, w):
        """Its gradient [dimension]."""
        return self._loss_and_gradient(w)[1]

    def _loss_and_gradient(self, w):
        if self._last is None or self._last[0] is not w:
            def packed(*arguments):
                loss, gradient = self._both(*arguments)
                gradient = np.asarray(gradient, dtype=np.float64)
                return np.concatenate([[float(loss)], gradient.reshape(-1)])
            numbers = self._mean(packed, w)
            self._last = w, float(numbers[0]), numbers[1:]
        return self._last[1:]
