"""Stored runs of norm-harness and golden's results, in NumPy."""

import dataclasses
import json
import math
import pathlib

import numpy as np

from ._core import DataError, Transformer

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1"}


def read_tensors(path):
    """The tensors of a safetensors file by their names, mapped from the file, not read whole.

    Raises: DataError for a file that is none, or a dtype that NumPy lacks (BF16).
    """
    path = pathlib.Path(path)
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > path.stat().st_size:
            raise DataError(f"read_tensors: {path}: its header is longer than the file ({size} bytes); need a "
                            "safetensors file")
        header = json.loads(file.read(size))
    tensors = {}
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        if tensor["dtype"] not in _DTYPES:
            raise DataError(f"read_tensors: {path}: a dtype that NumPy lacks ({tensor['dtype']} of {name}); need "
                            f"one of {', '.join(_DTYPES)}")
        begin, end = tensor["data_offsets"]
        dtype, shape = np.dtype(_DTYPES[tensor["dtype"]]), tuple(tensor["shape"])
        if end - begin != dtype.itemsize * math.prod(shape) or 8 + size + end > path.stat().st_size:
            raise DataError(f"read_tensors: {path}: the bytes of {name} do not fit its shape ({begin} .. {end}); "
                            f"need {dtype.itemsize * math.prod(shape)}")
        tensors[name] = np.memmap(path, dtype, "r", 8 + size + begin, shape) if begin < end else np.empty(shape, dtype)
    return tensors


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run of a store."""

    folder: pathlib.Path
    #: What determines its bits: spec.txt as a dict of texts.
    spec: dict[str, str]
    #: Its results, as in golden.
    row: dict

    def __repr__(self):
        return f"Run({self.row['task']}, {self.row['arm']}, seed {self.row['seed']}, {self.folder.name})"

    @property
    def has_weights(self):
        """Whether it kept its weights."""
        return (self.folder / "kept.safetensors").exists()

    def weights(self):
        """The last weights and running statistics by PyTorch's names. Raises: DataError if it kept none."""
        if not self.has_weights:
            raise DataError(f"Run.weights: {self.folder}: it kept none (`run --keep none`); need kept.safetensors")
        return {name: array for name, array in read_tensors(self.folder / "kept.safetensors").items()
                if not name.startswith("adam.")}

    def model(self):
        """A Transformer with the last weights, of a run of Experiments 1 to 3."""
        task = self.spec.get("task")
        if task not in ("associative_recall", "lookup"):
            raise DataError(f"Run.model: {self.folder}: of another task ({task}); need associative_recall or lookup")
        entities, attributes = int(self.spec["entities"]), int(self.spec["attributes"])
        vocabulary = entities * attributes + (entities if task == "lookup" else 2)
        model = Transformer(self.spec["norm"], vocabulary, int(self.spec["channels"]), int(self.spec["hidden"]),
                            int(self.spec["heads"]), int(self.spec["blocks"]),
                            attributes if task == "lookup" else vocabulary,
                            head_multiplier=float(self.spec.get("head_multiplier", 1)))
        state, stored = model.state, self.weights()
        if state.keys() != stored.keys():
            raise DataError(f"Run.model: {self.folder}: other tensors ({sorted(state.keys() ^ stored.keys())}); need "
                            "those of its specification")
        for name, array in stored.items():
            state[name][...] = array.reshape(state[name].shape)
        return model


def runs(store="out/store"):
    """The finished runs of a store, by their folders' names."""
    folder = pathlib.Path(store) / "runs"
    if not folder.is_dir():
        raise DataError(f"runs: no store of norm-harness ({store}); need a folder that has `runs`")
    found = []
    for row in sorted(folder.glob("*/row.json")):
        spec = dict(line.split("=", 1) for line in (row.parent / "spec.txt").read_text().splitlines())
        found.append(Run(row.parent, spec, json.loads(row.read_text())["row"]))
    return found


def remeasure(metric, store="out/store"):
    """metric(run), a function of a Run that returns a number, over all runs of a store that kept weights.

    Returns a list of (run, value): the stored results do not change.
    """
    return [(run, float(metric(run))) for run in runs(store) if run.has_weights]


def golden(folder, profile="paper", task="associative_recall"):
    """Golden's results: for each arm a list of rows by ascending seed. folder: `golden` of a checkout."""
    place = pathlib.Path(folder) / task / profile
    files = sorted(place.glob("*.jsonl"))
    if not files:
        raise DataError(f"golden: no results ({place}); need a task and profile that `norm-harness list` names")
    return {file.stem: [json.loads(line) for line in file.read_text().splitlines()] for file in files}
