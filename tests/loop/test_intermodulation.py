"""Products of the carriers: their list against a Fourier transform of products of sines, their number by hand."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from hgesim.errors import RequestError
from hgesim.loop import derivative_errors, plan_tones, products_on_carriers
from hgesim.loop.tones import third_order_hits

COMBS = [(8, 16, 24, 32, 40), (5, 9, 13, 19, 23), (1, 2, 3, 4, 5, 6, 7), (1, 3), (7,), (2, 3, 4)]


def measured(comb: Sequence[int], function: object, amplitudes: np.ndarray, phases: np.ndarray) -> np.ndarray:
    """Return the complex derivative on each carrier of a function of the dithers, (samples, C) to (samples,)."""
    samples = 16 * max(comb)
    theta = 2 * np.pi * np.outer(np.arange(samples), comb) / samples + phases
    output = function(amplitudes * np.sin(theta))  # type: ignore[operator]
    return 2j * (output[:, None] * np.exp(-1j * theta)).mean(axis=0) / amplitudes


@pytest.mark.parametrize(
    ("comb", "second", "third"),
    [
        ((8, 16, 24, 32, 40), [4, 4, 3, 3, 2], 35),
        ((1, 2, 3, 4, 5, 6, 7), [6, 6, 5, 5, 4, 4, 3], 112),
        ((5, 9, 13, 19, 23), [0] * 5, 20),
    ],
)
def test_collisions_of_the_laboratorys_combs(comb: tuple[int, ...], second: list[int], third: int) -> None:
    """On 1, 2, ... n the carrier c is a sum of two in floor(c/2) ways and a difference in n - c."""
    products = products_on_carriers(comb, 2)
    assert [sum(p.carrier == c for p in products) for c in range(len(comb))] == second
    assert not any(p.unavoidable for p in products)
    avoidable = [p for p in products_on_carriers(comb, 3) if not p.unavoidable]
    assert len(avoidable) == third == third_order_hits(comb)


@pytest.mark.parametrize("comb", [*COMBS, plan_tones(6, 1.0).multiples, plan_tones(12, 1.0).multiples])
@pytest.mark.parametrize("order", [2, 3])
def test_every_product_is_on_its_carrier_and_none_twice(comb: tuple[int, ...], order: int) -> None:
    products = products_on_carriers(comb, order)
    assert len({(p.factors, p.signs) for p in products}) == len(products)
    for p in products:
        assert sum(s * comb[k] for k, s in zip(p.factors, p.signs, strict=True)) == comb[p.carrier]
        assert list(p.factors) == sorted(p.factors) and len(p.factors) == order
    unavoidable = [p for p in products if p.unavoidable]
    assert len(unavoidable) == (len(comb) ** 2 if order == 3 else 0)  # f_c + f_j - f_j for every c and j
    if order == 3:
        assert len(products) - len(unavoidable) == third_order_hits(comb)


@pytest.mark.parametrize(
    ("comb", "factors", "signs", "weight"),
    [
        ((2, 3, 5), (0, 1), (1, 1), -0.5j),  # sin a sin b = cos(a - b)/2 - cos(a + b)/2, with 1/2 (H_ab + H_ba)
        ((2, 3, 5), (1, 2), (-1, 1), 0.5j),
        ((1, 2), (0, 0), (1, 1), -0.25j),
        ((1, 2), (0, 0, 0), (1, 1, -1), 1 / 8),  # sin^3 = 3/4 sin - 1/4 sin 3, with 1/6
        ((1, 3), (0, 0, 0), (1, 1, 1), -1 / 24),
        ((1, 2), (0, 1, 1), (1, 1, -1), 1 / 4),
        ((3, 5, 7), (0, 1, 1), (-1, 1, 1), 1 / 8),
        ((1, 3, 5), (0, 0, 1), (1, 1, 1), -1 / 8),
        ((1, 4, 9, 12), (0, 1, 2), (-1, 1, 1), 1 / 4),
    ],
)
def test_weights_of_the_textbook(
    comb: tuple[int, ...], factors: tuple[int, ...], signs: tuple[int, ...], weight: complex
) -> None:
    found = {
        frozenset(Counter(zip(p.factors, p.signs, strict=True)).items()): p.weight
        for p in products_on_carriers(comb, len(factors))
    }
    assert found[frozenset(Counter(zip(factors, signs, strict=True)).items())] == pytest.approx(weight, abs=1e-15)


@pytest.mark.parametrize(
    ("comb", "order"), [(comb, order) for comb in COMBS for order in (2, 3, 4) if order < 4 or len(comb) < 5]
)
@pytest.mark.parametrize("turned", [False, True])
def test_errors_of_a_polynomial_are_exact(comb: tuple[int, ...], order: int, turned: bool) -> None:
    """The output is one symmetric form of the dithers, so that Taylor's series ends with it."""
    random = np.random.default_rng(order)
    count = len(comb)
    tensor = random.normal(size=(count,) * order)
    tensor = sum(tensor.transpose(axes) for axes in itertools.permutations(range(order))) / math.factorial(order)
    amplitudes = random.uniform(0.5, 2.0, count)
    phases = random.uniform(0, 2 * np.pi, count) if turned else np.zeros(count)

    def form(dither: np.ndarray) -> np.ndarray:
        axes = "jklm"[:order]
        rule = f"{axes},{','.join('t' + axis for axis in axes)}->t"
        return np.asarray(np.einsum(rule, tensor, *[dither] * order, optimize=True)) / math.factorial(order)

    expected = measured(comb, form, amplitudes, phases)
    found = derivative_errors(comb, amplitudes, [tensor], phases)
    np.testing.assert_allclose(found, expected, atol=1e-12 * max(1, np.abs(expected).max()))
    if not turned and order % 2 == 0:
        assert np.abs(found.real).max() < 1e-13  # even orders are in quadrature
        assert (np.abs(found.imag).max() > 0.01) == bool(products_on_carriers(comb, order))
    if not turned and order == 3:
        assert np.abs(found.imag).max() < 1e-13
        assert np.abs(found.real).min() > 1e-3  # the third order is on every carrier, self terms included


def test_several_orders_add_and_one_amplitude_stands_for_all() -> None:
    comb, random = (1, 2, 3), np.random.default_rng(3)
    second, third = random.normal(size=(3, 3)), random.normal(size=(3, 3, 3))
    both = derivative_errors(comb, 0.1, [second, third])
    apart = [derivative_errors(comb, [0.1] * 3, [tensor], [0.0] * 3) for tensor in (second, third)]
    np.testing.assert_allclose(both, apart[0] + apart[1], rtol=1e-14)
    np.testing.assert_allclose(derivative_errors(comb, 0.2, [second]), 2 * apart[0], rtol=1e-14)  # H A
    np.testing.assert_allclose(derivative_errors(comb, 0.2, [third]), 4 * apart[1], rtol=1e-14)  # T A^2
    assert not derivative_errors(comb, 0.1, []).any()


@pytest.mark.parametrize("comb", [(), (0, 1), (-1, 2), (1, 1), (1.5, 2), ("a",)])
def test_no_comb(comb: tuple[int, ...]) -> None:
    for call in (lambda: products_on_carriers(comb, 2), lambda: derivative_errors(comb, 0.1, [])):
        with pytest.raises(RequestError, match=r"tones\.bad-comb"):
            call()


@pytest.mark.parametrize("order", [0, 1, 6, 2.0, None, "2", True])
def test_no_order(order: object) -> None:
    with pytest.raises(RequestError, match=r"tones\.bad-order"):
        products_on_carriers((1, 2), order)  # type: ignore[arg-type]


def test_arrays_that_do_not_fit() -> None:
    square = np.ones((2, 2))
    for amplitudes, tensors, phases in (
        ([0.1], [square], 0.0),
        (0.0, [square], 0.0),
        (math.nan, [square], 0.0),
        ("a", [square], 0.0),
        (0.1, [np.ones((2, 3))], 0.0),
        (0.1, [np.full((2, 2), math.inf)], 0.0),
        (0.1, [square], [0.0, 0.0, 0.0]),
        (0.1, [square], math.inf),
    ):
        with pytest.raises(RequestError, match=r"tones\.bad-shape"):
            derivative_errors((1, 2), amplitudes, tensors, phases)
    for tensor in (1.0, [1.0, 2.0]):
        with pytest.raises(RequestError, match=r"tones\.bad-order"):
            derivative_errors((1, 2), 0.1, [tensor])
