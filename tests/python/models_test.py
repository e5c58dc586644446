"""Norms, models and training: PyTorch's references, and golden's hashes, bit for bit."""

import hashlib
import json
import pathlib

import libnorm
import numpy as np
import pytest


def array(tensor, dtype=np.float64):
    return np.array(tensor["data"], dtype).reshape(tensor["shape"])


@pytest.mark.parametrize("name", ["layernorm", "batchnorm"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_norms_are_pytorchs(root, name, dtype):
    cases = json.loads((root / f"golden/reference/{name}.json").read_text())["cases"]
    checked = 0
    for case in cases:
        inputs, outputs = case["inputs"], case["outputs"]
        x = array(inputs["x"], dtype)
        gain, bias = array(inputs["gain"], dtype), array(inputs["bias"], dtype)
        done = libnorm.norm(name).forward(x, gain, bias)
        given = done.backward(array(inputs["grad.y"], dtype))
        # References are float32 numbers; 1e-4 of the largest is far above their rounding and far
        # below any other formula's.
        for ours, theirs in ((done.output, "y"), (given.input, "grad.x"), (given.gain, "grad.gain"),
                             (given.bias, "grad.bias")):
            theirs = array(outputs[theirs])
            np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=0,
                                       atol=1e-4 * max(1, np.abs(theirs).max()), err_msg=case["name"])
        checked += 1
    assert checked >= 2


def test_gradients_by_differences(rng):
    x, d = rng.standard_normal((6, 8)), rng.standard_normal((6, 8))
    for text in ("layernorm", "rms+gain", "dyt", "batchnorm", "unit_sphere+scalar_gain", "instancenorm"):
        norm = libnorm.norm(text)
        lengths = [2, 4]
        g = norm.forward(x, lengths=lengths).backward(d).input
        h, along = 1e-6, rng.standard_normal(x.shape)
        rise = [(norm.forward(x + s * h * along, lengths=lengths).output * d).sum() for s in (1, -1)]
        assert (g * along).sum() == pytest.approx((rise[0] - rise[1]) / (2 * h), rel=1e-5, abs=1e-7), text


def test_norms_refuse(rng):
    x = rng.standard_normal((6, 8))
    with pytest.raises(ValueError, match="gian"):
        libnorm.norm("rms+gian")
    with pytest.raises(libnorm.ShapeError, match="Norm.forward: gain has another size .3.; need 8"):
        libnorm.norm("layernorm").forward(x, gain=np.ones(3))
    with pytest.raises(ValueError, match="a bias, which this norm has not .rms.gain."):
        libnorm.norm("rms+gain").forward(x, bias=np.ones(8))
    done = libnorm.norm("layernorm").forward(x)
    with pytest.raises(libnorm.ShapeError, match="d_output does not fit .float32"):
        done.backward(x.astype(np.float32))
    evaluated = libnorm.norm("batchnorm").forward(x, running_mean=np.zeros(8), running_variance=np.ones(8),
                                                  evaluation=True)
    np.testing.assert_allclose(evaluated.output, x / np.sqrt(1 + 1e-5))
    with pytest.raises(ValueError, match="after a pass in evaluation"):
        evaluated.backward(x)
    assert "layernorm" in libnorm.norms() and "rms" in libnorm.norms()


def test_a_pass_keeps_its_rows(rng):
    done = libnorm.norm("layernorm").forward(rng.standard_normal((50, 8)))
    # The rows' only owner is the pass.
    junk = [np.full((50, 8), np.nan) for _ in range(100)]
    assert np.isfinite(done.backward(np.ones((50, 8))).input).all() and junk


@pytest.mark.parametrize("arm", ["layernorm", "batchnorm", "manual_l2", "sphere"])
def test_training_gives_goldens_hashes(root, arm):
    """Trained from Python, the weights are those that golden's hash is of."""
    row = libnorm.golden(root / "golden", "smoke")[arm][0]
    task = libnorm.AssociativeRecall(6, 6, 12, 16)
    model = libnorm.Transformer(arm, task.vocabulary, 40, 160, 1, 1, task.vocabulary, seed=0)
    adam = libnorm.Adam(model, 1e-4)
    losses = []
    for step in range(row["steps"]):
        losses.append(model.loss_and_gradient(task.draw(0, step)))
        adam.step()
    assert np.float32(losses[:2]).tolist() == np.float32(row["loss_curve"][:2]).tolist()
    running = np.concatenate([np.zeros(0, np.float32)] + [
        a.ravel() for name, a in model.state.items() if "running" in name])
    assert hashlib.sha256(model.weights.tobytes() + running.tobytes()).hexdigest() == row["weights_sha256"]


def test_state_is_in_place(tmp_path):
    task = libnorm.AssociativeRecall(3, 3, 5, 6)
    model = libnorm.Transformer("layernorm", task.vocabulary, 8, 16, 1, 1, task.vocabulary)
    batch = task.draw(0, 0)
    first = model.loss(batch)
    state = model.state
    assert np.shares_memory(state["head.weight"], model.weights)
    state["head.weight"][...] = 0
    state["head.bias"][...] = 0
    assert model.loss(batch) == pytest.approx(np.log(task.vocabulary), rel=1e-6) != first
    model.save(tmp_path / "w.safetensors")
    other = libnorm.Transformer("layernorm", task.vocabulary, 8, 16, 1, 1, task.vocabulary, seed=5)
    other.load(tmp_path / "w.safetensors")
    assert (other.weights == model.weights).all()
    tensors = libnorm.read_tensors(tmp_path / "w.safetensors")
    assert all((tensors[name].reshape(array.shape) == array).all() for name, array in state.items())
    weights = model.weights
    del model, state
    assert (weights == other.weights).all()
    with pytest.raises(libnorm.DataError, match="nowhere"):
        other.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="layernrom"):
        libnorm.Transformer("layernrom")


def test_batches_refuse():
    with pytest.raises(libnorm.ShapeError, match="Batch: ids are not sequences .int64 .3.."):
        libnorm.Batch(np.zeros(3, int), None, 5)
    with pytest.raises(ValueError, match="7"):
        libnorm.Batch(np.full((2, 3), 7), None, 5)
    with pytest.raises(TypeError, match="numbers of another type"):
        libnorm.Batch(np.zeros((2, 3)), None, 5)
    batch = libnorm.Batch(np.array([[0, 1, 1], [2, 2, 2]]), [1, 2], 5)
    assert batch.rows == 3 and batch.counts.tolist() == [1, 2, 3]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    import os
    import subprocess
    folder = tmp_path_factory.mktemp("store")
    subprocess.run([os.environ["LIBNORM_HARNESS"], "run", "e1", "--profile", "smoke", "--seeds", "1", "--store",
                    str(folder), "--quiet"], check=True, capture_output=True)
    return folder


def test_stored_runs(store):
    found = libnorm.runs(store)
    assert {run.row["arm"] for run in found} == {"layernorm", "none", "none_matched"}
    for run in found:
        model = run.model()
        s = run.spec
        task = libnorm.AssociativeRecall(*(int(s[k]) for k in ("entities", "attributes", "rank", "batch")))
        batch = task.draw(int(s["seed"]), 1, probe=True)
        spectrum = libnorm.spectrum(model.activations(batch, int(s["blocks"]) - 1), "none", batch.counts)
        # What the program measured on the same weights, there by another factorization.
        assert spectrum.effective_rank == pytest.approx(run.row["metrics"]["effective_rank"], rel=1e-10)
    lengths = libnorm.remeasure(lambda run: np.linalg.norm(run.weights()["head.weight"]), store)
    assert len(lengths) == 3 and all(value > 0 for _, value in lengths)


def test_stores_refuse(tmp_path, store):
    with pytest.raises(libnorm.DataError, match="runs: no store of norm-harness"):
        libnorm.runs(tmp_path)
    with pytest.raises(libnorm.DataError, match="golden: no results"):
        libnorm.golden(tmp_path)
    damaged = tmp_path / "x.safetensors"
    damaged.write_bytes((10**9).to_bytes(8, "little") + b"{}")
    with pytest.raises(libnorm.DataError, match="its header is longer than the file"):
        libnorm.read_tensors(damaged)
    assert pathlib.Path(store).exists()
