"""Spectra from products, against the eigenvalues of dense matrices."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hessianfree.errors import ClosureError
from hessianfree.spectra import Spectrum, spectrum
from hessianfree.spectra.lanczos import lanczos


def symmetric(eigenvalues, seed=0):
    """A dense float64 matrix with these eigenvalues in a random basis."""
    generator = torch.Generator().manual_seed(seed)
    n = len(eigenvalues)
    basis = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0]
    return basis @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ basis.T


def spectrum_of(matrix, **options):
    return spectrum(lambda v: matrix @ v, len(matrix), dtype=matrix.dtype, **options)


eigenvalues = st.lists(st.floats(-100, 100), min_size=1, max_size=12)


@settings(deadline=None, max_examples=60)
@given(eigenvalues, st.integers(0, 5))
def test_as_many_iterations_as_dimensions_find_all_distinct_eigenvalues(values, seed):
    matrix = symmetric(values)
    found = spectrum_of(matrix, probes=2, iterations=len(values) + 3, seed=seed)
    exact = torch.linalg.eigvalsh(matrix)
    scale = exact.abs().max().item() + 1e-300
    assert found.largest == pytest.approx(exact[-1].item(), abs=1e-7 * scale)
    assert found.smallest == pytest.approx(exact[0].item(), abs=1e-7 * scale)
    for value in exact:
        assert min(abs(value.item() - node) for node in found.nodes) <= 1e-5 * scale
    assert found.products <= 2 * len(values)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-100, 100), min_size=3, max_size=30), st.integers(1, 4))
def test_ritz_values_stay_inside_and_their_errors_are_bounds(values, iterations):
    matrix = symmetric(values)
    found = spectrum_of(matrix, probes=3, iterations=iterations)
    exact = torch.linalg.eigvalsh(matrix)
    slack = 1e-10 * (1 + exact.abs().max().item())
    assert exact[0] - slack <= found.smallest <= found.largest <= exact[-1] + slack
    for value, error in ((found.largest, found.largest_error), (found.smallest, found.smallest_error)):
        assert (exact - value).abs().min() <= error + slack
    assert sum(found.weights) == pytest.approx(1)
    assert list(found.nodes) == sorted(found.nodes)


def test_the_trace_is_unbiased_and_its_error_says_how_far_off():
    matrix = symmetric([float(i) for i in range(40)])
    off = [
        (found.trace - 780) / found.trace_error
        for seed in range(60)
        for found in [spectrum_of(matrix, probes=12, iterations=2, seed=seed)]
    ]
    # Student's t with 11 degrees of freedom: mean 0, standard deviation 1.1.
    assert abs(sum(off) / len(off)) < 0.5
    assert 0.8 < math.sqrt(sum(value**2 for value in off) / len(off)) < 1.5


def test_the_nodes_hold_the_trace_whatever_the_iterations():
    matrix = symmetric([1.0, 2.0, 3.0, 50.0])
    for iterations in (1, 2, 4):
        found = spectrum_of(matrix, probes=3, iterations=iterations)
        held = 4 * sum(node * weight for node, weight in zip(found.nodes, found.weights, strict=True))
        assert held == pytest.approx(found.trace)


def test_a_multiple_of_the_identity_is_known_after_one_product():
    found = spectrum_of(3.0 * torch.eye(20, dtype=torch.float64), probes=4, iterations=10)
    assert found.products == 4
    assert found.trace == pytest.approx(60)
    assert found.trace_error == pytest.approx(0, abs=1e-10)
    assert found.largest == pytest.approx(3) == found.smallest
    assert found.largest_error == 0


def test_one_probe_tells_of_no_error():
    assert spectrum_of(symmetric([1.0, 2.0]), probes=1).trace_error is None


def test_outliers_and_bulk_have_their_shares():
    matrix = symmetric([0.0] * 90 + [1.0] * 9 + [100.0])
    found = spectrum_of(matrix, probes=40, iterations=10)
    share = {
        value: sum(w for node, w in zip(found.nodes, found.weights, strict=True) if abs(node - value) < 1e-6)
        for value in (0.0, 1.0, 100.0)
    }
    assert share[0.0] == pytest.approx(0.9, abs=0.02)
    assert share[1.0] == pytest.approx(0.09, abs=0.02)
    assert share[100.0] == pytest.approx(0.01, abs=0.005)


def test_lanczos_finds_no_eigenvalue_twice():
    """Without full reorthogonalization an outlier comes back as ghosts after some dozen iterations."""
    matrix = symmetric([1e6] + [1 + i / 200 for i in range(199)])
    start = torch.randn(200, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ritz_values = lanczos(lambda v: matrix @ v, start, 120).ritz_values
    assert (ritz_values > 1e5).sum() == 1


def test_single_precision_finds_the_extremes():
    matrix = symmetric([float(i) for i in range(-10, 50)]).float()
    found = spectrum_of(matrix, probes=2, iterations=40)
    assert found.largest == pytest.approx(49, abs=1e-3)
    assert found.smallest == pytest.approx(-10, abs=1e-3)


def test_the_density_integrates_to_one_and_peaks_where_the_eigenvalues_are():
    found = spectrum_of(symmetric([0.0] * 15 + [10.0] * 5), probes=8, iterations=5)
    points = [i / 50 for i in range(-500, 1000)]
    density = found.density(points, 0.5)
    assert sum(density) / 50 == pytest.approx(1, abs=1e-6)
    assert points[density.index(max(density))] == pytest.approx(0, abs=0.02)
    with pytest.raises(ValueError, match="width must be > 0; got 0"):
        found.density(points, 0)


def test_a_seed_is_a_spectrum_and_leaves_torchs_generator_alone():
    matrix = symmetric([float(i) for i in range(30)])
    state = torch.get_rng_state()
    first = spectrum_of(matrix, iterations=5, seed=3)
    assert first == spectrum_of(matrix, iterations=5, seed=3)
    assert first != spectrum_of(matrix, iterations=5, seed=4)
    assert torch.equal(torch.get_rng_state(), state)
    assert isinstance(first, Spectrum)


@pytest.mark.parametrize("name", ["dimension", "probes", "iterations"])
def test_what_is_below_one_is_refused(name):
    options = {"dimension": 3, "probes": 1, "iterations": 1, name: 0}
    with pytest.raises(ValueError, match=f"{name} must be at least 1; got 0"):
        spectrum(lambda v: v, **options)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_product_that_is_not_finite_is_named(value):
    with pytest.raises(ClosureError, match="product 1 of a Lanczos iteration is not finite"):
        spectrum(lambda v: v * value, 3)


def test_the_zero_matrix_has_a_spectrum():
    found = spectrum_of(torch.zeros(5, 5, dtype=torch.float64), probes=2)
    assert (found.largest, found.smallest, found.trace, found.products) == (0, 0, 0, 2)
