"""The mixers' reference: a sine, or a square wave with edges; formulas against integrals and against the circuits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from block_bench import Bench, amplitude, mean, use
from scipy.integrate import quad

from hgesim.blocks import CONTRACT, TECHNOLOGIES, get_block
from hgesim.blocks.transfer import REFERENCE_EDGE, mixer_harmonic, mixer_mean, mixer_series, reference_wave
from hgesim.errors import RequestError
from hgesim.loop import nominal_lags

BASE = 10e3
EDGE = REFERENCE_EDGE / BASE


def trapezoid(turns: float, height: float) -> float:
    """A quarter of a period of the square wave, by its definition."""
    return height * min(turns / (REFERENCE_EDGE / 2), 1.0)


def part(number: int, height: float) -> float:
    """Fourier coefficient of the switching function by adaptive quadrature: odd parts have four equal quarters."""

    def term(turns: float) -> float:
        return float(np.tanh(trapezoid(turns, height) / CONTRACT.mixer_knee) * np.sin(2 * np.pi * number * turns))

    ends = (0.0, REFERENCE_EDGE / 2, 0.25)
    return 8 * sum(quad(term, a, b, epsabs=1e-12, limit=200)[0] for a, b in itertools.pairwise(ends))


def square(height: float, frequency: float = BASE) -> str:
    """A square wave whose rise has its middle at time 0, written by hand."""
    period, edge = 1 / frequency, REFERENCE_EDGE / frequency
    return f"pulse({height} {-height} {period / 2 - edge / 2} {edge} {edge} {period / 2 - edge} {period})"


def test_the_square_wave_is_a_trapezoid_in_phase_with_the_sine() -> None:
    turns = np.linspace(-2.3, 3.1, 5401)
    wave, sine = reference_wave(turns, 0.4, "square"), reference_wave(turns, 0.4)
    assert sine == pytest.approx(0.4 * np.sin(2 * np.pi * turns), abs=1e-15)
    near = np.abs((turns + 0.25) % 0.5 - 0.25)  # from the nearest zero of the sine
    assert np.abs(wave) == pytest.approx(np.minimum(near / (REFERENCE_EDGE / 2), 1.0) * 0.4, abs=1e-9)
    assert (np.sign(wave) == np.sign(sine))[near > 1e-6].all()


@pytest.mark.parametrize("height", [0.05, 0.4, 1.5])
def test_series_and_mean_are_the_integrals_of_the_switching_function(height: float) -> None:
    series = mixer_series(9, height, "square")
    assert series[1::2].tolist() == [0, 0, 0, 0]
    assert series[::2] == pytest.approx([part(n, height) for n in (1, 3, 5, 7, 9)], abs=1e-6)
    assert mixer_harmonic(3, height, "square") == pytest.approx(part(3, height) / part(1, height), abs=1e-6)
    small = float(mixer_mean(1e-4, height, "square")) / 1e-4
    assert small == pytest.approx(CONTRACT.mixer_gain * part(1, height) / 2, rel=1e-5)


def test_a_hard_switch_has_harmonics_of_one_over_n() -> None:
    for number in (3, 5, 7):
        assert mixer_harmonic(number, 1.5, "square") == pytest.approx(1 / number, rel=2e-3)
        assert mixer_harmonic(number, 0.3) < 0.7 / number


def test_no_shape_no_series() -> None:
    with pytest.raises(RequestError, match=r'blocks\.unknown-shape\] shape.*did you mean "square"'):
        reference_wave(0.1, 0.3, "squar")
    for count in (0, 2.5, True):
        with pytest.raises(RequestError, match=r"blocks\.bad-value\] count"):
            mixer_series(count)  # type: ignore[arg-type]
    for height in (0.0, -1.0, float("nan"), 6.0, "much"):
        with pytest.raises(RequestError, match=r"blocks\.bad-value\] reference"):
            mixer_series(3, height)  # type: ignore[arg-type]


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_the_circuits_follow_a_square_wave(bench: Bench, technology: str) -> None:
    """Gain and third harmonic by the formula; at the loop's default step, a twentieth of a cycle, as at a finer one."""
    block, found = get_block("mixer", technology), {}
    for number, step in ((1, 20), (1, 200), (2, 200), (3, 200)):
        source = f"vs s 0 sin(0 0.02 {number * BASE})\nep p 0 s 0 0.5\nen n 0 s 0 -0.5\nvl l 0 {square(0.4)}\n"
        size = 1 / (BASE * step)
        data = bench.run([block], source + use(block, "x1", "p n l a b"), f".tran {size} 3e-4 0 {size}", "v(a) v(b)")
        found[number, step] = mean(data["time"], data["v(a)"] - data["v(b)"], 1e-4, 3e-4)
    gain = found[1, 200] / 0.02
    assert gain == pytest.approx(
        float(mixer_mean(0.02, 0.4, "square")) / 0.02, rel=2e-3 if technology == "ideal" else 0.03
    )
    assert found[1, 20] == pytest.approx(found[1, 200], rel=0.01)
    assert found[3, 200] / found[1, 200] == pytest.approx(1 / 3, rel=0.02)
    assert abs(found[2, 200]) < 1e-3 * 0.02


@pytest.mark.parametrize("height", [0.3, 0.9, 1.6])
def test_foundry_mixers_bear_a_square_wave_up_to_their_rails(bench: Bench, height: float) -> None:
    block = get_block("mixer", "gf180")
    for size in (0.05, 0.3):
        source = f"vs s 0 sin(0 {size} {BASE})\nep p 0 s 0 0.5\nen n 0 s 0 -0.5\nvl l 0 {square(height)}\n"
        data = bench.run([block], source + use(block, "x1", "p n l a b"), ".tran 1e-6 3e-4 0 1e-6", "v(a) v(b)")
        found = mean(data["time"], data["v(a)"] - data["v(b)"], 1e-4, 3e-4)
        assert found == pytest.approx(float(mixer_mean(size, height, "square")), rel=0.15)
        if size == 0.05:
            assert found == pytest.approx(1.70 * size, rel=0.01)


@pytest.mark.parametrize(("technology", "degrees"), [("ideal", 0.1), ("gf180", 1.2), ("discrete", 5.3)])
@pytest.mark.parametrize("frequency", [5e3, 20e3])
def test_the_nominal_lag_is_that_of_the_circuits(
    bench: Bench, technology: str, degrees: float, frequency: float
) -> None:
    """A ripple of current through read-out, loss and coupler: by how much it comes late at the mixers."""
    readout, loss, coupler = (get_block(kind, technology) for kind in ("readout", "loss", "coupler"))
    rails = TECHNOLOGIES[technology]
    lines = [
        f"ii 0 i sin(-0.05e-6 1e-9 {frequency})",  # the error sits at 0.1 V
        "ci i 0 1e-12",
        f"vh h 0 {rails.negative}",
        f"vhn hn 0 {rails.positive}",
        use(readout, "x1", "i e"),
        use(loss, "x2", "e p n"),
        use(coupler, "x3", "p n c d h hn"),
    ]
    period = 1 / frequency
    end = round(2e-3 / period) * period
    analysis = f".tran {period / 100} {end} 0 {period / 100}"
    data = bench.run([readout, loss, coupler], "\n".join(lines), analysis, "v(c) v(d)")
    wave = -amplitude(data["time"], data["v(c)"] - data["v(d)"], frequency, (end - 5e-4, end))
    lag = -np.degrees(np.angle(wave))
    assert lag == pytest.approx(float(np.degrees(nominal_lags(frequency, readout))), abs=degrees)
