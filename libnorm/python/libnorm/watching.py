"""Spectra of a torch model's layers by forward hooks. torch itself is not imported."""

import dataclasses
import fnmatch
import json

from ._core import Spectrum, SpectrumAccumulator

CHANNELS_SECOND = (4, 5)


def _rows(output, channel_axis):
    """The rows [..., C] of a module's output, or None where it is no tensor of them."""
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    if not hasattr(output, "detach") or output.ndim < 2 or not output.dtype.is_floating_point:
        return None
    if channel_axis is None:
        channel_axis = 1 if output.ndim in CHANNELS_SECOND else -1
    rows = output.detach().movedim(channel_axis, -1)
    return rows if rows.device.type == "cpu" else rows.cpu()


@dataclasses.dataclass(frozen=True)
class DepthTable:
    """Spectra of layers, from the input to the output."""

    spectra: dict[str, Spectrum]
    #: Forward passes of the model before the one that was measured, or None for all together.
    step: int | None = None

    def to_dict(self):
        """The layers' names, each with Spectrum.to_dict()."""
        return {name: spectrum.to_dict() for name, spectrum in self.spectra.items()}

    def to_json(self):
        """to_dict() as JSON; see Spectrum.to_json."""
        return "{" + ", ".join(f"{json.dumps(name)}: {spectrum.to_json()}"
                               for name, spectrum in self.spectra.items()) + "}"

    def metric(self, name):
        """The layers' names, each with a metric's value."""
        return {layer: spectrum[name] for layer, spectrum in self.spectra.items()}

    def __repr__(self):
        width = max([len("layer"), *map(len, self.spectra)])
        lines = [f"{'layer':{width}}  {'rows':>9}  {'C':>5}  {'eff. rank':>9}  {'/ C':>5}  "
                 f"{'PR':>8}  {'stable':>8}  {'first':>5}"]
        for layer, s in self.spectra.items():
            lines.append(f"{layer:{width}}  {s.rows:9.0f}  {s.channels:5}  {s.effective_rank:9.2f}  "
                         f"{s.effective_rank / s.channels:5.2f}  {s.participation_ratio:8.2f}  "
                         f"{s.stable_rank:8.2f}  {s.first_share:5.2f}")
        return "\n".join(lines)

    def plot(self, path=None, metric="effective_rank", axes=None, label=None):
        """Draws a metric over depth with matplotlib; saves it if a path is given. Returns the axes."""
        from matplotlib import pyplot
        if axes is None:
            axes = pyplot.figure(figsize=(7, 4), layout="constrained").subplots()
        values = self.metric(metric)
        axes.plot(range(len(values)), list(values.values()), "o-", label=label)
        axes.set_xticks(range(len(values)), list(values), rotation=60, ha="right", fontsize=7)
        axes.set_ylabel(metric.replace("_", " "))
        if path is not None:
            axes.figure.savefig(path)
        return axes


class Watch:
    """Collects the spectra of a model's layers while it runs; see watch()."""

    def __init__(self, model, layers=None, every=None, centring="mean", channel_axis=None):
        if every is not None and every < 1:
            raise ValueError(f"watch: `every` outside its domain ({every}); need 1 or more")
        self.centring, self.every, self.channel_axis = centring, every, channel_axis
        #: Layers that gave no rows, each with the reason.
        self.left_out = {}
        #: With `every`: a DepthTable of each measured pass.
        self.history = []
        self._sums, self._passes, self._handles = {}, 0, []
        found = self._choose(model, layers)
        if every is not None:
            self._handles.append(model.register_forward_pre_hook(self._begin))
        for name, module in found:
            self._handles.append(module.register_forward_hook(self._hook(name)))
        if every is not None:
            self._handles.append(model.register_forward_hook(self._end))
        self._measures = every is None

    @staticmethod
    def _choose(model, layers):
        named = [(name, module) for name, module in model.named_modules() if name]
        if layers is None:
            return [(name, module) for name, module in named if not list(module.children())]
        patterns = [layers] if isinstance(layers, str) else list(layers)
        for pattern in patterns:
            if not any(fnmatch.fnmatchcase(name, pattern) for name, _ in named):
                raise ValueError(f"watch: no layer has this name ({pattern}); there are "
                                 f"{', '.join(name for name, _ in named)}")
        return [(name, module) for name, module in named
                if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]

    def _hook(self, name):
        def add(module, inputs, output):
            if not self._measures:
                return
            rows = _rows(output, self.channel_axis)
            if rows is None:
                self.left_out[name] = f"its output is no tensor of floats [..., C] ({type(output).__name__})"
                return
            self._sums.setdefault(name, SpectrumAccumulator()).add(rows)
        return add

    def _begin(self, module, inputs):
        self._measures = self._passes % self.every == 0

    def _end(self, module, inputs, output):
        if self._measures:
            self.history.append(DepthTable(self._spectra(), self._passes))
            self._sums.clear()
        self._measures = False
        self._passes += 1

    def _spectra(self):
        return {name: sums.spectrum(self.centring) for name, sums in self._sums.items()}

    def table(self):
        """The DepthTable of all passes so far; with `every`, of the last one that was measured."""
        if self.every is None:
            return DepthTable(self._spectra())
        if not self.history:
            raise ValueError("watch: nothing was measured yet (no forward pass); need one")
        return self.history[-1]

    def close(self):
        """Takes the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def watch(model, layers=None, every=None, centring="mean", channel_axis=None):
    """Collects the spectrum of each layer's output while a torch model runs, by forward hooks.

    layers: names or patterns (`encoder.*`); all modules without children if None. every: None for one
    spectrum of all passes, as in evaluation; N for one of every Nth forward pass alone, as in training.
    channel_axis: the axis of channels; if None the last, but the second of four or five (images).

    Memory does not grow with rows, and bits do not depend on the batches' boundaries. An output on a
    GPU is copied to the processor, a batch at a time. Use it in a `with`, or call close().
    """
    return Watch(model, layers, every, centring, channel_axis)
