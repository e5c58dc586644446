"""Objectives from callables and the curvature of the library's models: facts that are known exactly."""

import threading

import libnorm
import numpy as np
import pytest

MATRIX = np.diag([3.0, 2.0, 1.0, -5.0])


def quadratic(a, product=True):
    return libnorm.Objective(lambda w: (0.5 * w @ a @ w, a @ w), (lambda w, v: a @ v) if product else None,
                             dimension=len(a))


@pytest.fixture
def dense(rng):
    a = rng.standard_normal((30, 30))
    return a + a.T


def test_ends_of_the_spectrum():
    o = quadratic(MATRIX)
    for end, value in (("largest", 3), ("smallest", -5), ("largest_magnitude", -5)):
        found = libnorm.eigenvalues(o, np.zeros(4), end)
        assert found.values[0] == pytest.approx(value, rel=1e-12) and found.converged
        assert found.end == end and found.of == "Hessian"
    with pytest.raises(ValueError, match="end: unknown word .top.; use largest, smallest or largest_magnitude"):
        libnorm.eigenvalues(o, np.zeros(4), "top")


@pytest.mark.parametrize("product", [True, False])
def test_eigenvalues_are_numpys(dense, product, rng):
    o = quadratic(dense, product)
    found = libnorm.eigenvalues(o, rng.standard_normal(30), count=3, vectors=True, tolerance=1e-7)
    expected = np.linalg.eigvalsh(dense)[::-1][:3]
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)
    for value, vector in zip(found.values, found.vectors):
        np.testing.assert_allclose(dense @ vector, value * vector, atol=1e-5)
    assert ("differences" in found.of) == (not product)


def test_trace_density_and_blocks(dense):
    o, w = quadratic(dense), np.ones(30)
    exact = libnorm.trace(o, w)
    assert exact.method == "exact" and exact.value == pytest.approx(np.trace(dense), rel=1e-12)
    estimate = libnorm.trace(o, w, products=20)
    assert abs(estimate.value - np.trace(dense)) < 5 * estimate.standard_error
    block = libnorm.trace(o, w, ranges=[(4, 6)])
    assert block.value == pytest.approx(np.trace(dense[4:10, 4:10]), rel=1e-12)
    density = libnorm.spectral_density(o, w, probes=30)
    assert density.moment(1)[0] * 30 == pytest.approx(np.trace(dense), rel=1e-10)
    curve = density.curve(2000)
    assert np.trapezoid(curve.density, curve.at) == pytest.approx(1, rel=1e-3)


def test_sharpness():
    o, w = quadratic(np.diag([4.0, 1.0])), np.zeros(2)
    worst = libnorm.worst_case_sharpness(o, w, 0.5)
    assert worst.value == pytest.approx(0.5 * 4 * 0.25, rel=1e-5) and worst.converged
    average = libnorm.average_case_sharpness(o, w, 0.5, pairs=2000)
    assert abs(average.value - 0.25 * 5 / 4) < 5 * average.standard_error
    step = libnorm.sam_sharpness(o, np.array([0.0, 1.0]), 0.1)
    assert step.value == pytest.approx(0.5 * (1.1**2 - 1), rel=1e-12)
    scaled = libnorm.scale_invariant_sharpness(o, np.array([3.0, 4.0]), [(0, 2)])
    assert scaled.value == pytest.approx(4 * 25, rel=1e-9)
    assert scaled.weight_length == pytest.approx(5)


def test_directions_and_slices(rng):
    shapes = [("conv", (4, 3, 2)), ("bias", (4,)), ("linear", (2, 4))]
    w = rng.standard_normal(36)
    d = libnorm.direction(w, shapes)
    np.testing.assert_allclose(np.linalg.norm(d[:24].reshape(4, 6), axis=1),
                               np.linalg.norm(w[:24].reshape(4, 6), axis=1), rtol=1e-12)
    assert (d[24:28] == 0).all()
    e = libnorm.direction(w, shapes, stream=1)
    assert abs(libnorm.orthogonal(e, d) @ d) < 1e-10 < abs(e @ d)
    o = quadratic(np.eye(36))
    line = libnorm.loss_slice(o, w, d, [-1, 0, 1])
    np.testing.assert_allclose(line.loss, [0.5 * (w + a * d) @ (w + a * d) for a in (-1, 0, 1)], rtol=1e-12)
    surface = libnorm.loss_surface(o, w, d, e, [-1, 0, 1], [0, 2])
    assert surface.loss.shape == (3, 2)
    np.testing.assert_allclose(surface.loss[:, 0], line.loss, rtol=1e-12)
    with pytest.raises(ValueError, match="scale: unknown word"):
        libnorm.direction(w, shapes, scale="filters")


def test_batches_are_averaged():
    batches = [np.diag([1.0, 2.0]), np.diag([3.0, 8.0])]
    o = libnorm.Objective(lambda w, a: (0.5 * w @ a @ w, a @ w), lambda w, v, a: a @ v, dimension=2,
                          batches=batches, weights=[1, 3])
    assert libnorm.eigenvalues(o, np.zeros(2)).values[0] == pytest.approx((2 + 24) / 4, rel=1e-12)
    w = np.ones(2)
    assert o.loss(w) == pytest.approx(0.5 * (3 + 33) / 4)


def test_what_callables_do_wrong():
    class Own(Exception):
        pass

    def fails(w):
        raise Own("by the user")
    with pytest.raises(Own, match="by the user"):
        libnorm.eigenvalues(libnorm.Objective(fails, dimension=3), np.ones(3))
    short = libnorm.Objective(lambda w: (0.0, w), lambda w, v: v[:2], dimension=3)
    with pytest.raises(libnorm.ShapeError, match="objective.hessian_vector_product: returned another number of numb"):
        libnorm.eigenvalues(short, np.ones(3))
    nan = libnorm.Objective(lambda w: (0.0, w), lambda w, v: v * np.nan, dimension=3)
    with pytest.raises(ValueError, match="not finite"):
        libnorm.eigenvalues(nan, np.ones(3))
    with pytest.raises(TypeError, match="objective: no `dimension` .function.; need an object with dimension"):
        libnorm.eigenvalues(fails, np.ones(3))
    with pytest.raises(libnorm.ShapeError, match="eigenvalues: w has another size .2.; need 3"):
        libnorm.eigenvalues(nan, np.ones(2))
    with pytest.raises(ValueError, match="Objective: no batches"):
        libnorm.Objective(fails, dimension=2, batches=[])


def test_callables_run_in_threads(dense):
    expected = libnorm.eigenvalues(quadratic(dense), np.ones(30)).to_json()
    found = []
    threads = [threading.Thread(
        target=lambda: found.append(libnorm.eigenvalues(quadratic(dense), np.ones(30)).to_json()))
        for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_curvature_of_a_model():
    task = libnorm.AssociativeRecall(3, 3, 5, 6)
    model = libnorm.TransformerFloat64("rms+gain@pre", task.vocabulary, 8, 16, 2, 1, task.vocabulary, seed=1)
    batch = task.draw(0, 0)
    before = model.weights.copy()
    c = libnorm.Curvature(model, batch)
    w, rng = c.weights, np.random.default_rng(1)
    v = rng.standard_normal(c.dimension)
    h = 1e-5
    np.testing.assert_allclose(c.hessian_vector_product(w, v),
                               (c.gradient(w + h * v) - c.gradient(w - h * v)) / (2 * h), rtol=1e-5, atol=1e-7)
    assert c.loss(w) == pytest.approx(model.loss_and_gradient(batch), rel=1e-12)
    np.testing.assert_allclose(c.gradient(w), model.gradient, rtol=1e-10, atol=1e-14)
    assert (model.weights == before).all()
    # An objective of Python's around it makes the same numbers: the library's own path runs without Python.
    around = libnorm.Objective(lambda w: (c.loss(w), c.gradient(w)), c.hessian_vector_product,
                               dimension=c.dimension)
    assert (libnorm.eigenvalues(around, w).values == libnorm.eigenvalues(c, w).values).all()
    gauss_newton = libnorm.eigenvalues(c, w, "smallest", matrix="gauss_newton")
    assert gauss_newton.values[0] > -1e-8 * gauss_newton.norm
    part = libnorm.Curvature(model, batch, ["head.weight"])
    assert part.dimension == task.vocabulary * 8
    with pytest.raises(ValueError, match="head.wait"):
        libnorm.Curvature(model, batch, ["head.wait"])

