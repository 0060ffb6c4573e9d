"""The twin under dither, against series, closed forms and the adjoint."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import iv
from small_designs import ohmic_star, small_star, star

from hgesim.blocks.transfer import CONTRACT
from hgesim.errors import RequestError
from hgesim.learning import dithered_gradient, dithered_loss_gradient, gradient_error
from hgesim.loop import LoopSettings, TonePlan, plan_tones
from hgesim.network import Network, Ohmic, Sinh

PLAN = plan_tones(3, 1e3)
POINT = np.array([0.0, 0.1, -0.2, 0.3, 0.15])


def sinh_pair() -> Network:
    """Two controls, each by itself through a sinh law into the output, whose site is held at 0 V by a strong bond."""
    laws = [Ohmic(1.0), Sinh(1e-7, 0.05), Sinh(2e-7, 0.05)]
    return star(laws, ("output", "control", "control"))


def test_an_ohmic_network_has_its_own_conductances_at_any_dither() -> None:
    network = small_star()
    exact = network.gradient(POINT)[list(network.controls)]
    # a star: G_out G_j / sum of G
    assert exact == pytest.approx(np.array([3e-7 * 2e-7, 3e-7 * 1.5e-7]) / 8e-7)
    for apart in (False, True):
        assert dithered_gradient(network, POINT, PLAN, 0.4, apart=apart) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("apart", [False, True])
def test_a_sinh_law_gives_bessel_functions(apart: bool) -> None:
    """I = I0 sinh((V + a sin)/s) has the fundamental 2 I0 cosh(V/s) I_1(a/s); the two tones do not meet here."""
    network, amplitudes = sinh_pair(), np.array([0.03, 0.08])
    law = network.bond_laws[1]
    assert isinstance(law, Sinh)
    volts = np.array([[0.0, 0.05, -0.02], [0.0, 0.0, 0.1]])
    # the law's own current, whatever its normalisation, at zero dither: dI/dV = I0/s cosh(V/s)
    exact = network.gradient(volts)[:, 1:]
    for dither in (amplitudes, 0.05):
        a = np.broadcast_to(dither, 2) / 0.05
        found = dithered_gradient(network, volts, PLAN, dither, apart=apart)
        assert found == pytest.approx(exact * 2 * iv(1, a) / a, rel=1e-5)


def test_small_dither_gives_the_adjoint_and_curvature_grows_with_its_square() -> None:
    laws = [Sinh(1e-7, 0.04), Sinh(2e-7, 0.06), Sinh(1e-7, 0.05), Sinh(3e-7, 0.05), Sinh(2e-7, 0.07)]
    network = star(laws)
    exact = network.gradient(POINT)[list(network.controls)]
    errors = [np.linalg.norm(dithered_gradient(network, POINT, PLAN, a) / exact - 1) for a in (1e-3, 2e-3, 4e-3)]
    assert errors[0] < 2e-3
    assert np.array(errors[1:]) / errors[:-1] == pytest.approx([4, 4], rel=0.05)


def test_tones_together_move_each_other() -> None:
    """d3I/dV_j dV_k^2 a_k^2/4: through a shared curved bond a large second tone changes the first one's answer."""
    network = star([Sinh(1e-7, 0.04), Ohmic(1e-7), Ohmic(1e-7)], ("output", "control", "control"))
    volts, h = np.array([0.0, 0.1, 0.05]), 2e-3
    step = np.array([0.0, 0.0, h])
    below, here, above = network.gradient(np.stack([volts - step, volts, volts + step]))[:, 1]
    third = (above - 2 * here + below) / h**2
    small, large = 1e-3, 2e-2
    alone = dithered_gradient(network, volts, PLAN, [small, large], apart=True)[0]
    both = dithered_gradient(network, volts, PLAN, [small, large])[0]
    assert both - alone == pytest.approx(third * large**2 / 4, rel=0.05)
    assert abs(both / alone - 1) > 1e-4


def test_two_equal_carriers_mix() -> None:
    """The plan is what keeps the derivatives apart: on one carrier each channel hears the other."""
    network = small_star()
    exact = network.gradient(POINT)[list(network.controls)]
    mixed = dithered_gradient(network, POINT, TonePlan(1e3, (7, 7, 9)), 0.01)
    assert mixed == pytest.approx([exact.sum()] * 2)


@pytest.mark.parametrize("shape", ["sine", "square"])
def test_a_switching_reference_hears_odd_harmonics(shape: str) -> None:
    """A sinh law has harmonics 2 I0 cosh(V/s) I_m(a/s); the mixer weighs them as its own reference has them."""
    network, a = sinh_pair(), 0.1 / 0.05
    volts = np.array([0.0, 0.05, -0.02])
    exact = network.gradient(volts)[1:]
    angle = 2 * np.pi * (np.arange(1000) + 0.5) / 1000
    wave = np.sin(angle) if shape == "sine" else np.clip(np.arcsin(np.sin(angle)) / (np.pi / 50), -1, 1)
    switch = np.tanh(0.3 * wave / CONTRACT.mixer_knee)
    odd = (1, 3, 5, 7)
    weights = np.array([(switch * np.sin(m * angle)).mean() for m in odd])
    # sin^m has the signs of I_m alternate: sinh(a sin x) = 2 sum (-1)^k I_(2k+1)(a) sin((2k+1) x)
    parts = np.array([(-1) ** k * iv(m, a) for k, m in enumerate(odd)])
    found = dithered_gradient(network, volts, PLAN, 0.1, reference=0.3, shape=shape)
    assert found == pytest.approx(exact * 2 / a * (weights @ parts) / weights[0], rel=2e-3)
    sine = dithered_gradient(network, volts, PLAN, 0.1)
    assert gradient_error(found, sine) > 0.01
    assert dithered_gradient(network, volts, PLAN, 0.1, reference=1e-4) == pytest.approx(sine, rel=1e-6)
    for bad in (-1.0, "a"):
        with pytest.raises(RequestError, match=r"loop\.reference"):
            dithered_gradient(network, volts, PLAN, 0.1, reference=bad)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=r"blocks\.unknown-shape"):
        dithered_gradient(network, volts, PLAN, 0.1, reference=0.3, shape="round")


def test_points_keep_their_shape() -> None:
    network = small_star()
    table = np.tile(POINT, (2, 3, 1))
    assert dithered_gradient(network, table, PLAN, 0.01).shape == (2, 3, 2)
    assert dithered_loss_gradient(network, table, PLAN, LoopSettings(), np.zeros((2, 3))).shape == (2, 3, 2)


def test_the_loss_of_a_linear_network_is_its_square() -> None:
    """Small ripple: 2 e de/dV whatever the loss circuit's slope; the error by Kirchhoff's law."""
    network, beside = ohmic_star(3e-7, 1e-7, 0.5e-7, 2e-7, 1.5e-7), 20e-9
    settings = LoopSettings(dither=1e-4, threshold_dither=1e-4, transimpedance=1e6)
    current = 3e-7 * (0.1 * 1e-7 - 0.2 * 0.5e-7 + 0.3 * 2e-7 + 0.15 * 1.5e-7) / 8e-7
    error = -1e6 * (current + beside)
    expected = 2 * error * -1e6 * np.array([3e-7 * 2e-7, 3e-7 * 1.5e-7]) / 8e-7
    assert dithered_loss_gradient(network, POINT, PLAN, settings, beside) == pytest.approx(expected, rel=1e-5)


def test_a_ripple_as_large_as_the_knee_is_not_the_derivative() -> None:
    """The loss circuit is no parabola: its fourth derivative makes a large tone and a small pilot disagree."""
    network = small_star()
    settings = LoopSettings(dither=0.5, threshold_dither=1e-4, transimpedance=1e6)
    exact = dithered_loss_gradient(
        network, POINT, PLAN, LoopSettings(dither=1e-4, threshold_dither=1e-4, transimpedance=1e6)
    )
    ripple = 1e6 * 0.5 * network.gradient(POINT)[3]
    assert 0.1 < ripple / CONTRACT.loss_knee < 1
    assert np.linalg.norm(dithered_loss_gradient(network, POINT, PLAN, settings) / exact - 1) > 0.01


@pytest.mark.parametrize(
    ("plan", "dither", "code"),
    [
        (plan_tones(1, 1e3), 0.01, "loop.channel-count"),
        (PLAN, [0.01, 0.02, 0.03], "loop.channel-count"),
        (PLAN, "loud", "loop.channel-count"),
        (PLAN, 0.0, "loop.bad-value"),
        (PLAN, [0.01, np.nan], "loop.bad-value"),
    ],
)
def test_what_does_not_fit_is_refused(plan: TonePlan, dither: object, code: str) -> None:
    with pytest.raises(RequestError) as refused:
        dithered_gradient(small_star(), POINT, plan, dither)  # type: ignore[arg-type]
    assert refused.value.code == code


def test_voltages_and_a_missing_carrier_are_refused() -> None:
    with pytest.raises(RequestError, match="bad-voltages"):
        dithered_gradient(small_star(), POINT[:-1], PLAN, 0.01)
    with pytest.raises(RequestError, match="threshold"):
        dithered_loss_gradient(small_star(), POINT, plan_tones(2, 1e3), LoopSettings())
