"""Second and third derivatives against closed forms, and what they predict against the twin under dither."""

from __future__ import annotations

import numpy as np
import pytest
from law_networks import law_network
from small_designs import small_star, star

from hgesim.errors import RequestError
from hgesim.learning import dithered_gradient, second_and_third_derivatives
from hgesim.loop import TonePlan, check_tones, derivative_errors, plan_tones, products_on_carriers
from hgesim.network import Network, Ohmic, Sinh, dopant_disc

OLD = (8, 16, 24, 32, 40)
NEW = (5, 9, 13, 19, 23)
POINT = np.array([0.0, 0.3, -0.2, 0.1, 0.25, -0.15, -0.3, 0.2])
PHASES = np.array([0.3, 1.2, 2.5, 4.0, 5.1])  # no product of second order is in quadrature with these


@pytest.fixture(scope="module")
def device() -> Network:
    return dopant_disc(1, temperature=300.0, current=20e-9)


@pytest.fixture(scope="module")
def curved(device: Network) -> tuple[np.ndarray, np.ndarray]:
    return second_and_third_derivatives(device, POINT)


def seen(device: Network, comb: tuple[int, ...], amplitude: float, phases: np.ndarray) -> np.ndarray:
    """Return what an exact lock-in of both phases adds to the derivatives over one beat, (C,) complex."""
    samples, controls = 32 * max(comb), list(device.controls)
    theta = 2 * np.pi * np.outer(np.arange(samples), comb) / samples + phases
    moved = np.repeat(POINT[None], samples, axis=0)
    moved[:, controls] += amplitude * np.sin(theta)
    current = device.output_current(moved)
    lockin = 2j * (current[:, None] * np.exp(-1j * theta)).mean(axis=0) / amplitude
    return np.asarray(lockin - device.gradient(POINT)[controls])


def test_two_equal_sinh_bonds_in_series() -> None:
    """The site is half way: I = G s sinh(V/2s), for a control at V and the output at 0."""
    network = star([Sinh(1e-7, 0.05), Sinh(1e-7, 0.05)], ("output", "control"))
    second, third = second_and_third_derivatives(network, [0.0, 0.12])
    assert second[0, 0] == pytest.approx(1e-7 / (4 * 0.05) * np.sinh(1.2), rel=2e-5)
    assert third[0, 0, 0] == pytest.approx(1e-7 / (8 * 0.05**2) * np.cosh(1.2), rel=2e-4)


def test_no_mixing_without_a_common_nonlinear_bond() -> None:
    """Bonds to a site that a strong bond holds at 0 V: each control has its own sinh, and no mixed derivative."""
    network = star([Ohmic(1.0), Sinh(1e-7, 0.05), Sinh(2e-7, 0.05)], ("output", "control", "control"))
    second, third = second_and_third_derivatives(network, [0.0, 0.1, -0.05])
    own = [1e-7 / 0.05 * np.sinh(2.0), 2e-7 / 0.05 * np.sinh(-1.0)]
    assert np.diag(second) == pytest.approx(own, rel=1e-4)
    assert abs(second[0, 1]) < 1e-5 * abs(own[0])
    cubes = [1e-7 / 0.05**2 * np.cosh(2.0), 2e-7 / 0.05**2 * np.cosh(-1.0)]
    assert third[[0, 1], [0, 1], [0, 1]] == pytest.approx(cubes, rel=1e-3)
    assert abs(third[0, 0, 1]) < 1e-4 * cubes[0]


def test_an_ohmic_network_is_straight() -> None:
    second, third = second_and_third_derivatives(small_star(), np.full(5, 0.1))
    assert np.abs(second).max() < 1e-16 and np.abs(third).max() < 1e-14


@pytest.mark.parametrize("law", ["sinh", "diode", "hopping"])
def test_derivatives_are_those_of_the_current(law: str) -> None:
    """A fit of a polynomial to the current itself, along one line, knows of no adjoint."""
    network = law_network(law)
    volts, way = np.array([0.0, 0.1, -0.15, 0.2]), np.array([0.0, 0.5, -1.0, 0.7])
    second, third = second_and_third_derivatives(network, volts, (0, 1, 2, 3))
    steps = 0.02 * np.cos(np.pi * (np.arange(41) + 0.5) / 41)
    fit = np.polynomial.Polynomial.fit(steps, network.output_current(volts + np.outer(steps, way)), 9).convert().coef
    assert way @ second @ way == pytest.approx(2 * fit[2], rel=1e-3)
    assert np.einsum("jkl,j,k,l", third, way, way, way) == pytest.approx(6 * fit[3], rel=1e-2)
    np.testing.assert_allclose(third, third.transpose(1, 0, 2), rtol=0, atol=1e-12 * np.abs(third).max())


@pytest.mark.parametrize("comb", [OLD, NEW])
@pytest.mark.parametrize("phases", [np.zeros(5), PHASES], ids=["together", "apart"])
def test_errors_are_predicted(
    device: Network, curved: tuple[np.ndarray, np.ndarray], comb: tuple[int, ...], phases: np.ndarray
) -> None:
    """What is left falls as A^4 where nothing of even order is on a carrier, as A^3 at least elsewhere."""
    left = []
    for amplitude in (2e-3, 1e-3):
        found = seen(device, comb, amplitude, phases)
        expected = derivative_errors(comb, amplitude, curved, phases)
        left.append(np.abs(found - expected).max())
        assert left[-1] < 0.02 * np.abs(found).max()  # without the prediction it is all of it
    assert left[0] / left[1] > (14 if comb == NEW else 7)


def test_what_the_odd_comb_is_good_for(device: Network, curved: tuple[np.ndarray, np.ndarray]) -> None:
    """In phase, with all sines started together, the combs are alike; off phase the second order is on the old one."""
    amplitude = 2e-3
    slopes = np.abs(device.gradient(POINT)[list(device.controls)])
    errors = {(c, k): seen(device, c, amplitude, p) for c in (OLD, NEW) for k, p in enumerate((np.zeros(5), PHASES))}
    second = derivative_errors(OLD, amplitude, curved[:1])
    assert np.abs(second.real).max() < 1e-20
    assert np.abs(errors[OLD, 0].imag - second.imag).max() < 0.03 * np.abs(second).max()
    assert np.abs(errors[OLD, 0].imag).max() > 10 * np.abs(errors[OLD, 0].real).max()
    assert np.abs(errors[NEW, 0].imag).max() < 1e-4 * slopes.max()
    # started together: no difference worth a comb
    assert np.abs(errors[OLD, 0].real).max() < 2 * np.abs(errors[NEW, 0].real).max()
    # with phases, in phase
    assert np.abs(errors[OLD, 1].real).max() > 5 * np.abs(errors[NEW, 1].real).max()


def test_the_dithered_twin_of_the_loop_has_these_errors(device: Network, curved: tuple[np.ndarray, np.ndarray]) -> None:
    plan = TonePlan(1e3, OLD)
    controls = list(device.controls)
    for comb in (plan, check_tones([5.0, 9.0, 13.0, 19.0, 23.0]), plan_tones(5, 1e3)):
        found = dithered_gradient(device, POINT, comb, 2e-3) - device.gradient(POINT)[controls]
        expected = derivative_errors(comb.multiples, 2e-3, curved[1:]).real
        assert np.abs(found - expected).max() < 0.02 * np.abs(found).max()
    alone = dithered_gradient(device, POINT, plan, 2e-3, apart=True) - device.gradient(POINT)[controls]
    own = 2e-3**2 / 8 * np.einsum("jjj->j", curved[1])  # the tone's own term; all others need a second tone
    assert np.abs(alone - own).max() < 0.02 * np.abs(own).max()
    rest = [p for p in products_on_carriers(plan.multiples, 3) if p.factors == (p.carrier,) * 3]
    assert [p.weight for p in rest] == [1 / 8] * 5


def test_what_is_refused(device: Network) -> None:
    with pytest.raises(RequestError, match=r"network\.bad-voltages"):
        second_and_third_derivatives(device, np.zeros(7))
    with pytest.raises(RequestError, match=r"network\.no-electrode"):
        second_and_third_derivatives(device, POINT, (1, 9))
    for step in (0.0, -1e-3, float("nan"), float("inf"), "a"):
        with pytest.raises(RequestError, match=r"network\.bad-value.* step"):
            second_and_third_derivatives(device, POINT, step=step)  # type: ignore[arg-type]
