"""With torch: tensors read where they lie, hooks, and objectives of the user's own model."""

import gc

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import libnorm  # noqa: E402
import libnorm.torch  # noqa: E402
from torch import nn  # noqa: E402


@pytest.fixture
def x():
    torch.manual_seed(0)
    return torch.randn(3000, 24)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_tensors_have_numpys_bits(x, dtype):
    t = x.to(dtype)
    wide = t.double() if dtype == torch.float64 else t.float()
    expected = libnorm.spectrum(wide.numpy()).to_json()
    assert libnorm.spectrum(t).to_json() == expected
    assert libnorm.spectrum(t.T.contiguous().T).to_json() == expected
    assert libnorm.spectrum(t.requires_grad_()).to_json() == expected
    assert libnorm.geometry(t).to_json() == libnorm.geometry(wide.detach().numpy()).to_json()


def test_tensors_refused(x):
    with pytest.raises(TypeError, match=r"numbers of another type \(int64"):
        libnorm.spectrum(x.long())
    with pytest.raises(TypeError, match="spectrum: "):
        libnorm.spectrum(x.to("meta"))
    with pytest.raises(TypeError, match="halves"):
        libnorm.cka(x.bfloat16(), x.bfloat16())


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        return self.head(torch.relu(self.norm(self.conv(x))).mean((2, 3)))


@pytest.fixture
def model():
    torch.manual_seed(1)
    return Model()


def test_watch(model):
    images = torch.randn(40, 3, 8, 8)
    model.eval()
    tables = []
    with torch.no_grad():
        for size in (40, 7):
            with libnorm.watch(model) as watch:
                for part in images.split(size):
                    model(part)
            tables.append(watch.table())
        model(images)
    # Bits do not depend on the batches' boundaries: of the convolution, whose rows are the same.
    rows = model.conv(images).movedim(1, -1).reshape(-1, 6).detach()
    assert tables[0].spectra["conv"].to_json() == libnorm.spectrum(rows).to_json()
    assert tables[0].spectra.keys() == {"conv", "norm", "head"}
    for name in ("conv", "norm", "head"):
        np.testing.assert_allclose(tables[1].spectra[name].singular_values,
                                   tables[0].spectra[name].singular_values, rtol=1e-5, atol=1e-5)
    assert "conv" in repr(tables[0]) and tables[0].to_dict()["head"]["channels"] == 4
    # Closed: the pass after it added nothing.
    assert watch.table().spectra["head"].rows == 40
    with pytest.raises(ValueError, match="watch: no layer has this name .cnov.; there are conv, norm, head"):
        libnorm.watch(model, layers="cnov")


def test_watch_does_not_depend_on_boundaries():
    torch.manual_seed(0)
    # An identity's rows have the same bits in any batch.
    model, x = nn.Sequential(nn.Identity(), nn.Identity()), torch.randn(5000, 12)
    found = set()
    for size in (5000, 64, 1000):
        with libnorm.watch(model) as watch:
            for part in x.split(size):
                model(part)
        found.add(watch.table().to_json())
    assert len(found) == 1


def test_watch_every(model):
    images = torch.randn(10, 3, 8, 8)
    with libnorm.watch(model, layers=["head", "con*"], every=3) as watch:
        for _ in range(7):
            model(images)
    assert [table.step for table in watch.history] == [0, 3, 6]
    assert list(watch.history[0].spectra) == ["conv", "head"]
    assert watch.table().spectra["head"].rows == 10
    with pytest.raises(ValueError, match="`every` outside its domain .0."):
        libnorm.watch(model, every=0)


def test_watch_names_what_it_leaves_out():
    # Of ids no spectrum can be; of a tuple the first tensor is taken.
    model = nn.Sequential(nn.Identity(), nn.Embedding(9, 4), nn.LSTM(4, 4))
    with libnorm.watch(model) as watch:
        model(torch.zeros(5, 3, dtype=torch.long))
    assert list(watch.table().spectra) == ["1", "2"]
    assert watch.left_out == {"0": "its output is no tensor of floats [..., C] (Tensor)"}


def test_plot(model, tmp_path):
    pytest.importorskip("matplotlib")
    with libnorm.watch(model) as watch:
        model(torch.randn(10, 3, 8, 8))
    watch.table().plot(tmp_path / "depth.png", "participation_ratio")
    assert (tmp_path / "depth.png").stat().st_size > 1000


def cross_entropy(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


@pytest.fixture
def batches():
    torch.manual_seed(2)
    return [(torch.randn(n, 5, dtype=torch.float64), torch.randint(3, (n,))) for n in (20, 10)]


@pytest.fixture
def mlp():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.LayerNorm(6), nn.Dropout(0.2), nn.Linear(6, 3)).double()


def test_objective(mlp, batches):
    before = {name: tensor.clone() for name, tensor in mlp.state_dict().items()}
    random_before = torch.random.get_rng_state()
    o = libnorm.torch.objective(mlp.eval(), cross_entropy, batches, weights=[20, 10])
    w = o.initial
    params = {name: p.detach() for name, p in mlp.named_parameters()}
    flat = torch.cat([p.reshape(-1) for p in params.values()])

    def whole(flat):
        at, parts = 0, {}
        for name, p in params.items():
            parts[name] = flat[at:at + p.numel()].view(p.shape)
            at += p.numel()
        losses = [nn.functional.cross_entropy(torch.func.functional_call(mlp, parts, x), y, reduction="sum")
                  for x, y in batches]
        return sum(losses) / 30
    dense = torch.autograd.functional.hessian(whole, flat).numpy()
    values = np.linalg.eigvalsh(dense)
    assert libnorm.eigenvalues(o, w).values[0] == pytest.approx(values[-1], rel=1e-8)
    assert libnorm.eigenvalues(o, w, "smallest").values[0] == pytest.approx(values[0], rel=1e-6)
    assert libnorm.trace(o, w, products=1000).value == pytest.approx(np.trace(dense), rel=1e-9)
    assert o.loss(w) == pytest.approx(whole(flat).item(), rel=1e-12)
    d = libnorm.direction(w, o.shapes)
    assert libnorm.loss_slice(o, w, d, [0]).loss[0] == o.loss(w)
    assert libnorm.sam_sharpness(o, w, 0.01).value > 0
    # Neither the user's model nor the random numbers change.
    assert all((before[name] == tensor).all() for name, tensor in mlp.state_dict().items())
    assert (torch.random.get_rng_state() == random_before).all()
    with pytest.raises(ValueError, match="objective: no parameter has this name"):
        libnorm.torch.objective(mlp, cross_entropy, batches, parameters=["nothing"])


def test_objective_in_training(mlp, batches):
    # Dropout draws the same numbers each time, so that the Hessian is one of one function.
    o = libnorm.torch.objective(mlp.train(), cross_entropy, batches[:1], parameters=["0.weight", "4.bias"])
    assert o.dimension == 33 and [name for name, _ in o.shapes] == ["0.weight", "4.bias"]
    w, rng = o.initial, np.random.default_rng(0)
    assert o.loss(w) == o.loss(w.copy())
    v, h = rng.standard_normal(33), 1e-6
    np.testing.assert_allclose(o.hessian_vector_product(w, v),
                               (o.gradient(w + h * v) - o.gradient(w - h * v)) / (2 * h), rtol=1e-4, atol=1e-7)


def test_batchnorm_in_training_is_a_function_of_the_weights(batches):
    torch.manual_seed(4)
    model = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)).double()
    o = libnorm.torch.objective(model, cross_entropy, batches)
    w = o.initial
    first = o.loss(w)
    o.gradient(w)
    assert o.loss(w.copy()) == first
    assert (model[1].running_mean == 0).all()
    # The weights before BatchNorm are scale-invariant: H w = -g.
    n = 30
    g, hw = o.gradient(w)[:n], o.hessian_vector_product(w, np.r_[w[:n], np.zeros(w.size - n)])[:n]
    assert abs(g @ w[:n]) < 1e-4
    np.testing.assert_allclose(hw, -g, atol=1e-4)


def test_no_leaks_of_tensors(x):
    import weakref
    t = x.clone()
    kept = weakref.ref(t)
    libnorm.spectrum(t)
    done = libnorm.norm("layernorm").forward(t)
    del t
    gc.collect()
    assert kept() is not None and np.isfinite(done.backward(x).input).all()
    del done
    gc.collect()
    assert kept() is None
