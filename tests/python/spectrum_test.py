"""spectrum() and its like: the C++ program's bits, no copies, threads, and errors in one sentence."""

import gc
import json
import os
import subprocess
import sys
import threading

import libnorm
import numpy as np
import pytest


def measured(harness, tmp_path, x):
    np.save(tmp_path / "x.npy", x)
    return {(metric["name"], metric["convention"]): float(metric["value"])
            for metric in json.loads(harness("measure", tmp_path / "x.npy", "--json"))["metrics"]}


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("shape", [(5000, 48), (30, 64), (7, 4), (3, 500, 16)])
def test_bits_are_those_of_the_command(harness, tmp_path, rng, dtype, shape):
    x = (rng.standard_normal(shape) * np.linspace(1, 5, shape[-1]) + 1).astype(dtype)
    theirs = measured(harness, tmp_path, x)
    ours = {}
    for centring in ("none", "mean"):
        ours |= {(name, metric["convention"]): metric["value"]
                 for name, metric in libnorm.spectrum(x, centring).to_dict()["metrics"].items()}
    ours |= {(name, metric["convention"]): metric["value"]
             for name, metric in libnorm.geometry(x).to_dict().items()}
    left = {key for key in theirs if key not in ours}
    assert {name for name, _ in left} <= {"mean_cosine", "partition_isotropy", "two_nn_dimension",
                                          "likelihood_dimension"}
    assert [(key, value) for key, value in ours.items() if key in theirs and theirs[key] != value] == []
    by_name = {name: value for (name, _), value in theirs.items()}
    assert by_name["mean_cosine"] == libnorm.geometry(x).mean_cosine
    if dtype != "float16":
        assert by_name["partition_isotropy"] == libnorm.partition_isotropy(x)
        dimension = libnorm.intrinsic_dimension(x)
        assert by_name["two_nn_dimension"] == dimension.two_nn
        assert by_name["likelihood_dimension"] == dimension.likelihood_of_inverses


def test_facts():
    # k equal values give k; half the shares each give the sum's limit.
    equal = np.vstack([np.eye(8), -np.eye(8)])
    s = libnorm.spectrum(equal)
    assert s.effective_rank == pytest.approx(8, rel=1e-12)
    assert s.iso_score == pytest.approx(1, rel=1e-12)
    assert libnorm.spectrum(np.zeros((5, 3))).effective_rank == 0
    assert libnorm.cka(equal, equal[:, ::-1].copy()) == pytest.approx(1, rel=1e-12)
    assert libnorm.spectrum(np.outer(np.arange(1.0, 6), [1, 0])).condition_number == np.inf


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_bits_do_not_depend_on_pieces_or_strides(rng, dtype):
    x = rng.standard_normal((9000, 24)).astype(dtype)
    whole = libnorm.spectrum(x)
    sums = libnorm.SpectrumAccumulator()
    for first in range(0, 9000, 777):
        sums.add(x[first:first + 777])
    wide = np.zeros((9000, 40), dtype)
    wide[:, 8:32] = x
    for other in (sums.spectrum(), libnorm.spectrum(wide[:, 8:32]), libnorm.spectrum(np.asfortranarray(x)),
                  libnorm.spectrum(x.reshape(9, 1000, 24)), libnorm.spectrum(memoryview(x)),
                  libnorm.spectrum(x[::-1][::-1]), libnorm.spectrum(np.ascontiguousarray(x.T).T)):
        assert (other.singular_values == whole.singular_values).all()
        assert other.rows == 9000
    geometry = [libnorm.geometry(y).to_json() for y in (x, wide[:, 8:32], np.asfortranarray(x))]
    assert len(set(geometry)) == 1


def test_uneven_leading_axes(rng):
    x = rng.standard_normal((6, 40, 10))
    part = x[::2, 5:30]
    assert (libnorm.spectrum(part).singular_values ==
            libnorm.spectrum(part.reshape(-1, 10)).singular_values).all()
    assert (libnorm.spectrum(np.broadcast_to(x[0, 0], (20, 10))).singular_values == 0).all()


def test_weights_count_rows(rng):
    x = rng.standard_normal((50, 6))
    counts = rng.integers(1, 5, 50)
    repeated = libnorm.spectrum(np.repeat(x, counts, axis=0))
    weighted = libnorm.spectrum(x, weights=counts)
    np.testing.assert_allclose(weighted.singular_values, repeated.singular_values, rtol=1e-12)
    assert weighted.rows == repeated.rows == counts.sum()


def test_merge(rng):
    x = rng.standard_normal((3000, 12))
    a, b = libnorm.SpectrumAccumulator(), libnorm.SpectrumAccumulator()
    a.add(x[:1000])
    b.add(x[1000:])
    a.merge(b)
    np.testing.assert_allclose(a.spectrum().singular_values, libnorm.spectrum(x).singular_values, rtol=1e-12)
    with pytest.raises(ValueError, match="SpectrumAccumulator.merge: the other is this one"):
        a.merge(a)


def test_results_are_frozen_and_print(rng):
    s = libnorm.spectrum(rng.standard_normal((40, 5)))
    with pytest.raises(AttributeError):
        s.rows = 3
    with pytest.raises(AttributeError):
        s.own = 3
    with pytest.raises(ValueError):
        s.singular_values[0] = 1
    assert "effective_rank" in repr(s) and repr(s).startswith("spectrum of 40 rows, 5 channels, centred")
    assert json.loads(s.to_json())["metrics"].keys() == s.to_dict()["metrics"].keys() == s.metrics.keys()
    assert json.loads(s.to_json())["singular_values"] == s.to_dict()["singular_values"]
    assert s["effective_rank"] == s.effective_rank == s.metrics["effective_rank"]
    with pytest.raises(KeyError, match="no metric of this result has this name"):
        s["rank"]
    with pytest.raises(ValueError, match="iso_score: the spectrum is not centred"):
        libnorm.spectrum(np.eye(3), "none").iso_score
    assert set(libnorm.catalogue()) == set(s.metrics)


def test_views_keep_their_owner(rng):
    values = libnorm.spectrum(rng.standard_normal((40, 5))).singular_values
    expected = values.copy()
    gc.collect()
    junk = [np.random.rand(64) for _ in range(1000)]
    assert (values == expected).all() and junk


BAD = [
    (np.zeros((3, 2), int), TypeError, "numbers of another type (int64 [3, 2])"),
    (np.zeros((3, 2), complex), TypeError, "numbers of another type (complex128 [3, 2])"),
    (np.zeros((3, 2), ">f4"), TypeError, "no array that can be read (ndarray of >f4)"),
    ([[1.0]], TypeError, "no array that can be read (list)"),
    (None, TypeError, "no array that can be read (NoneType)"),
    (np.array(1.0), libnorm.ShapeError, "a scalar"),
    (np.zeros((0, 4)), libnorm.ShapeError, "no rows were added (0)"),
    (np.zeros((4, 0)), libnorm.ShapeError, ""),
]


@pytest.mark.parametrize("x, kind, text", BAD)
def test_refusals(x, kind, text):
    with pytest.raises(kind) as error:
        libnorm.spectrum(x)
    assert text in str(error.value)
    assert "\n" not in str(error.value)


def test_nan_is_located(rng):
    x = rng.standard_normal((5000, 8)).astype(np.float32)
    x[4321, 5] = np.nan
    with pytest.raises(ValueError, match=r"row 4321 holds a number that is not finite .*nan in channel 5"):
        libnorm.spectrum(x)
    with pytest.raises(ValueError, match=r"row 4321 .*channel 5"):
        libnorm.spectrum(x.astype(np.float16))


def test_other_words_and_sizes(rng):
    x = rng.standard_normal((10, 3))
    with pytest.raises(ValueError, match="centring: unknown word .men.; use mean or none"):
        libnorm.spectrum(x, "men")
    with pytest.raises(libnorm.ShapeError, match="another number of weights .9.; need one for each of 10 rows"):
        libnorm.spectrum(x, weights=np.ones(9))
    with pytest.raises(ValueError, match="weight|count"):
        libnorm.spectrum(x, weights=-np.ones(10))
    sums = libnorm.SpectrumAccumulator()
    with pytest.raises(libnorm.ShapeError, match="no rows were added"):
        sums.spectrum()
    sums.add(x)
    with pytest.raises(libnorm.ShapeError, match="another width"):
        sums.add(x[:, :2])
    with pytest.raises(TypeError, match="halves, which this would have to copy whole"):
        libnorm.cka(x.astype(np.float16), x.astype(np.float16))
    with pytest.raises(TypeError, match="numbers of two types .float64, float32."):
        libnorm.cka(x, x.astype(np.float32))
    with pytest.raises(TypeError, match="rows that lie unevenly"):
        libnorm.intrinsic_dimension(np.asfortranarray(x))
    with pytest.raises(ValueError, match="a label outside its domain .-1."):
        libnorm.neural_collapse(x, -np.ones(10, int))


class OnAnotherDevice:
    """What a CUDA tensor looks like from here."""

    def __dlpack_device__(self):
        return (2, 0)

    def __dlpack__(self, **_):
        import ctypes
        tensor = (ctypes.c_int64 * 16)()
        # data, device {2, 0}, ndim 1, dtype {2, 32, 1}, shape, strides, offset, context, deleter
        shape = (ctypes.c_int64 * 1)(1)
        tensor[0], tensor[1] = ctypes.addressof(shape), 2
        tensor[2] = 1 | (2 | 32 << 8 | 1 << 16) << 32
        tensor[3] = ctypes.addressof(shape)
        self.kept = tensor, shape
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(tensor), b"dltensor", None)


def test_another_device():
    with pytest.raises(TypeError, match="not in the processor's memory .*DLPack device 2.*x.cpu"):
        libnorm.spectrum(OnAnotherDevice())


def test_threads_give_the_same_bits(rng):
    x = rng.standard_normal((20000, 32)).astype(np.float32)
    alone = libnorm.spectrum(x).to_json()
    shared = libnorm.SpectrumAccumulator()
    results = []

    def work():
        for _ in range(3):
            results.append(libnorm.spectrum(x).to_json())
            shared.add(x[:100])
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 24 and set(results) == {alone}
    assert shared.rows == 2400


def test_the_gil_is_released(rng):
    x = rng.standard_normal((200000, 256), np.float32)
    steps, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            steps[0] += 1
            stop.wait(0.001)
    other = threading.Thread(target=count)
    other.start()
    before = steps[0]
    libnorm.spectrum(x)
    during = steps[0] - before
    stop.set()
    other.join()
    # With the GIL held there would be one or two, before the call and behind it.
    assert during > 10


def test_fork(rng):
    x = rng.standard_normal((20000, 64)).astype(np.float32)
    expected = libnorm.spectrum(x).to_json()
    child = os.fork()
    if child == 0:
        os._exit(0 if libnorm.spectrum(x).to_json() == expected else 1)
    assert os.waitpid(child, 0)[1] == 0


def in_process(program):
    """Runs a program and returns what it prints."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


# Of this process alone: ru_maxrss would be the parent's where that is larger.
PEAK = """
peak = lambda: int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
"""
MEMORY = PEAK + """
import numpy as np, libnorm
x = np.ones((400_000, 128), np.{dtype}); x[::2] = 2; x[1::3, ::5] = 7
y = x{part}
libnorm.spectrum(x[:9000])
before = peak(); libnorm.{call}(y); print(peak() - before)
"""


@pytest.mark.parametrize("call", ["spectrum", "geometry"])
@pytest.mark.parametrize("dtype, part", [("float32", ""), ("float32", "[:, 3:100]"), ("float16", ""),
                                         ("float32", ".reshape(400, 1000, 128).transpose(1, 0, 2)")])
def test_no_copies(call, dtype, part):
    # The rows take 98 MiB as halves, 195 as floats; a copy as floats would be 195.
    grown = float(in_process(MEMORY.format(dtype=dtype, part=part, call=call)))
    assert grown < 40


def test_a_copy_would_be_seen():
    assert float(in_process(MEMORY.format(dtype="float16", part="", call="spectrum").replace(
        "spectrum(y)", "spectrum(y.astype(np.float32))"))) > 150


LEAKS = PEAK + """
import numpy as np, libnorm
x = np.random.rand(64, 500); o = libnorm.Objective(lambda w: (w @ w, 2 * w), dimension=500)
def once():
    s = libnorm.spectrum(x); s.singular_values; s.to_dict(); repr(s); libnorm.geometry(x).kurtosis
    libnorm.norm("layernorm").forward(x).backward(x).input
    libnorm.eigenvalues(o, np.ones(500), products=5)
    try: libnorm.spectrum("no")
    except TypeError: pass
for _ in range(50): once()
before = peak()
for _ in range(300): once()
print(peak() - before)
"""


def test_no_leaks():
    # Each round makes above 500 KB of arrays: kept, they would be above 150 MiB.
    assert float(in_process(LEAKS)) < 30


def test_torch_is_not_imported():
    assert in_process("import sys, libnorm; libnorm.watch; print('torch' in sys.modules, "
                      "'matplotlib' in sys.modules)") == "False False\n"


def test_overhead_is_small():
    program = ("import timeit, numpy as np, libnorm; x = np.ones((8, 4), np.float32); "
               "a = libnorm.SpectrumAccumulator(); "
               "print(min(timeit.repeat(lambda: a.add(x), number=2000, repeat=5)) / 2000)")
    assert float(in_process(program)) < 20e-6
