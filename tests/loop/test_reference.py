"""Shape and phase of the mixers' references in the loop: settings, wiring, waves, and what a trim restores."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from small_designs import simulate, small_loop, small_star
from test_descent import check_descent, found_slopes

from hgesim.blocks import get_block
from hgesim.blocks.transfer import REFERENCE_EDGE, reference_wave
from hgesim.circuit import CurrentSource, Element, Resistor, Sine, Square, VoltageSource
from hgesim.config import parse_config
from hgesim.design import Circuit, Design, Transient, block_set
from hgesim.engine import Engine
from hgesim.errors import RequestError
from hgesim.experiment import build_design
from hgesim.learning import channel_ends, epoch_history
from hgesim.loop import HomodyneLoop, LoopSettings, nominal_lags, reference_lags, trim_gains
from hgesim.loop.wiring import ERROR
from hgesim.netlist import write_deck
from hgesim.nonideal import Nonideal

FloatArray = NDArray[np.float64]
CORNER = 1 / (2 * np.pi * 1e6 * 100e-12)  # of the coupler


def references(loop: HomodyneLoop, technology: str = "ideal", chip: Nonideal | None = None) -> list[Sine | Square]:
    made = Design(small_star(), loop, block_set(technology), nonideal=chip or Nonideal())
    waves = [e.wave for e in made.circuit.elements if isinstance(e, CurrentSource) and e.name.startswith("i_ref_")]
    assert len(waves) == 3 and all(isinstance(wave, Sine | Square) for wave in waves)
    return waves  # type: ignore[return-value]


# ---- the wave --------------------------------------------------------------------------------------------------------


def test_the_simulators_square_wave_is_the_formulas_at_every_phase(tmp_path: Path, ngspice: Engine) -> None:
    """Also where an edge is under way at time 0: what is left of that edge only is missing."""
    frequency, height = 10e3, 0.4
    degrees = (0.0, 30.0, -30.0, 90.0, -90.0, 179.0, 180.0, -180.0, 2.0, -2.0, 3.6, -3.6, -3.7, 361.0)
    waves = [Square(height, frequency, math.radians(angle)) for angle in degrees]
    parts: list[Element] = []
    for k, wave in enumerate(waves):
        parts += [CurrentSource(f"i_{k}", f"n{k}", "0", wave), Resistor(f"r_{k}", f"n{k}", "0", 1.0)]
    parts.append(VoltageSource("v_last", "last", "0", waves[1]))
    circuit = Circuit("waves", tuple(parts), Transient(1e-3, 1e-6), (*(f"n{k}" for k in range(len(waves))), "last"))
    raw = simulate(circuit, tmp_path, ngspice)
    time = np.asarray(raw["time"])
    later = time > REFERENCE_EDGE / frequency
    assert later.sum() > 1000
    for k, angle in enumerate(degrees):
        expected = reference_wave(frequency * time + angle / 360, height, "square")
        assert np.abs(raw[f"v(n{k})"] - expected)[later].max() < 2e-3 * height, angle
    assert raw["v(last)"] == pytest.approx(raw["v(n1)"], abs=1e-9)


def test_references_have_shape_and_lag_and_dithers_have_none() -> None:
    loop = small_loop(small_star(), reference=0.4, reference_shape="square", reference_phase=(10.0, 0.0, -20.0))
    found = references(loop)
    for wave, carrier, lag in zip(found, loop.plan.carriers, (10, 0, -20), strict=True):
        assert isinstance(wave, Square) and (wave.amplitude, wave.frequency) == (0.4, carrier)
        assert wave.phase == pytest.approx(-math.radians(lag), abs=1e-15)
    made = Design(small_star(), loop, block_set("ideal")).circuit.elements
    dithers = [e.wave for e in made if isinstance(e, CurrentSource) and e.name.startswith("i_dither_")]
    assert len(dithers) == 3 and all(isinstance(wave, Sine) and wave.phase == 0 for wave in dithers)
    deck = write_deck(Design(small_star(), loop, block_set("ideal")).circuit)
    assert deck.count("pulse(4e-01 -4e-01") == 3 - 1 and deck.count("pulse(-4e-01 4e-01") == 1


def test_without_the_options_a_deck_is_what_it_was() -> None:
    plain = small_loop(small_star())
    deck = write_deck(Design(small_star(), plain, block_set("ideal")).circuit)
    same = small_loop(small_star(), reference_shape="sine", reference_phase=0.0)
    assert write_deck(Design(small_star(), same, block_set("ideal")).circuit) == deck
    (line,) = [line for line in deck.splitlines() if line.startswith("i_ref_e3 ")]
    assert line == f"i_ref_e3 0 ref_e3 sin(0 3e-01 {plain.plan.carriers[0]:.0e}) ; reference"


@pytest.mark.parametrize("shape", ["sine", "square"])
def test_deviations_act_on_either_shape(shape: str) -> None:
    loop = small_loop(small_star(), reference=0.4, reference_shape=shape, reference_phase=25.0)
    sizes = {"reference_spread": 0.1, "reference_phase": 40.0, "reference_frequency": 1e-3}
    for nominal, made in zip(
        references(loop), references(loop, chip=Nonideal(sizes, distribution="fixed")), strict=True
    ):
        assert type(made) is type(nominal)
        assert made.amplitude == pytest.approx(1.1 * nominal.amplitude, rel=1e-12)
        assert made.frequency == pytest.approx(1.001 * nominal.frequency, rel=1e-12)
        assert math.degrees(made.phase) == pytest.approx(-25.0 + 40.0)


# ---- the phase -------------------------------------------------------------------------------------------------------


def test_lags_are_those_of_a_high_pass_and_a_pole() -> None:
    f = np.array([7e3, 17e3])
    lead = np.arctan(CORNER / f)
    assert nominal_lags(f) == pytest.approx(-lead, rel=1e-9)
    assert nominal_lags(f, get_block("readout", "ideal")) == pytest.approx(-lead, rel=1e-9)
    slow, fast = (nominal_lags(f, get_block("readout", "gf180"), ohms) + lead for ohms in (2e6, 2e5))
    assert np.degrees(slow) == pytest.approx(np.degrees(np.arctan(f / 195e3)))
    assert np.tan(fast) == pytest.approx(np.tan(slow) / 10)


def test_auto_is_the_nominal_lag_of_the_blocks() -> None:
    loop = small_loop(small_star(), reference_phase="auto")
    for technology in ("ideal", "gf180"):
        wanted = nominal_lags(loop.plan.carriers, get_block("readout", technology))
        assert [-wave.phase for wave in references(loop, technology)] == pytest.approx(wanted)
        assert reference_lags(loop.settings, loop.plan.carriers, block_set(technology)) == pytest.approx(wanted)


@pytest.mark.parametrize("phase", [0.0, 25.0, (60.0, -60.0), "auto"])
def test_trim_gains_are_cosines(phase: Any) -> None:
    carriers = (3e3, 20e3)
    lead = np.arctan(CORNER / np.array(carriers))
    trim = -lead if phase == "auto" else np.radians(phase)
    found = trim_gains(LoopSettings(reference_phase=phase), carriers)
    assert found == pytest.approx(np.cos(lead + trim) / np.cos(lead), rel=1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        {"reference_shape": "square", "reference": 0.4},
        {"reference_phase": "auto"},
        {"reference_phase": (50.0, -60.0, 20.0), "reference_shape": "square"},
    ],
)
def test_the_loop_descends_as_reckoned(settings: dict[str, Any], tmp_path: Path, ngspice: Engine) -> None:
    network = small_star()
    loop = small_loop(
        network,
        start=(0.25, -0.15),
        threshold_start=-0.05,
        beats=4,
        dither=2e-3,
        threshold_dither=1e-3,
        slowness=200.0,
        **settings,
    )
    check_descent(network, loop, -0.05, tmp_path, ngspice)


@pytest.mark.parametrize("shape", ["sine", "square"])
def test_a_trim_restores_the_gradient_that_a_lead_of_every_reference_turned(
    shape: str, tmp_path: Path, ngspice: Engine
) -> None:
    """References 120 degrees early go uphill; trimmed by as much they go down as if nothing were wrong."""
    network, fault = small_star(), Nonideal({"reference_phase": 120.0}, distribution="fixed")
    slopes = []
    for name, trim, chip in (("good", 0.0, Nonideal()), ("bad", 0.0, fault), ("trimmed", 120.0, fault)):
        settings = {"reference_shape": shape, "reference_phase": trim, "slowness": 200.0}
        loop = small_loop(network, start=(0.25, -0.15), beats=4, dither=2e-3, threshold_dither=1e-3, **settings)
        made = Design(network, loop, block_set("ideal"), nonideal=chip)
        slopes.append(found_slopes(simulate(made.circuit, tmp_path / name, ngspice), network, loop))
    good, bad, trimmed = slopes
    strong = np.abs(good) > 0.05 * np.abs(good).max(axis=0)
    assert strong.sum() > 0.7 * strong.size
    assert (np.sign(bad) == -np.sign(good))[strong].all()
    assert np.abs(trimmed - good).max() < 0.01 * np.abs(good).max()


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["much", 200.0, -181.0, math.nan, math.inf, (), (1.0, "x"), None, True, (1.0, 999.0)])
def test_phases_that_are_none(phase: Any) -> None:
    with pytest.raises(RequestError, match=r"loop\.bad-value\] loop\.reference_phase") as caught:
        LoopSettings(reference_phase=phase)
    assert "\n" not in str(caught.value)


def test_a_number_of_phases_that_does_not_fit() -> None:
    with pytest.raises(RequestError, match=r"channel-count\] loop\.reference_phase: 2 phases for 3 channels"):
        references(small_loop(small_star(), reference_phase=(1.0, 2.0)))


def test_a_shape_that_is_none() -> None:
    with pytest.raises(RequestError, match=r'loop\.bad-value\] loop\.reference_shape.*did you mean "square"'):
        LoopSettings(reference_shape="sqare")


@pytest.mark.parametrize(("technology", "good", "bad"), [("ideal", 1.65, 1.66), ("discrete", 5.0, 5.1)])
def test_a_reference_beyond_the_rails_of_the_mixers(technology: str, good: float, bad: float) -> None:
    assert references(small_loop(small_star(), reference=good), technology)[0].amplitude == good
    with pytest.raises(RequestError, match=r"loop\.out-of-range\] loop\.reference: .* rails"):
        references(small_loop(small_star(), reference=bad), technology)


# ---- settings and the threshold's start ------------------------------------------------------------------------------


def test_settings_reach_the_loop() -> None:
    values = {"reference_shape": "square", "reference_phase": ["10 deg", -5, 0, 0, 0, 2.5], "threshold_start": "-80 mV"}
    loop = build_design(parse_config({"loop": values})).loop
    assert loop.settings.reference_shape == "square" and loop.threshold_start == -0.08
    assert loop.settings.reference_phase == (10.0, -5.0, 0.0, 0.0, 0.0, 2.5)
    assert build_design(parse_config({"loop": {"reference_phase": "auto"}})).loop.settings.reference_phase == "auto"
    assert build_design(parse_config({"loop": {"reference_phase": "30 deg"}})).loop.settings.reference_phase == 30.0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("reference_shape", "triangle"),
        ("reference_phase", "much"),
        ("reference_phase", "3 mV"),
        ("reference_phase", [1, "x"]),
        ("reference_phase", {"e1": 3}),
        ("reference_phase", 400),
        ("threshold_start", "3 deg"),
        ("threshold_start", 1.5),
        ("threshold_start", "nan"),
    ],
)
def test_settings_that_are_refused(key: str, value: Any) -> None:
    with pytest.raises(RequestError, match=rf"loop\.{key}") as caught:
        build_design(parse_config({"loop": {key: value}}))
    assert "\n" not in str(caught.value)


def test_a_run_goes_on_from_where_another_ended(tmp_path: Path, ngspice: Engine) -> None:
    """Five epochs and one more are the same as six: the errors, case by case."""
    network = small_star()

    def run(name: str, epochs: int, **starts: Any) -> tuple[FloatArray, FloatArray]:
        loop = small_loop(network, epochs=epochs, dither=5e-3, slowness=20.0, **starts)
        raw = simulate(Design(network, loop, block_set("ideal")).circuit, tmp_path / name, ngspice)
        signals = {channel.net: raw[f"v({channel.net})"] for channel in loop.channels(network)}
        time = np.asarray(raw["time"])
        history = epoch_history(time, signals | {ERROR: raw[f"v({ERROR})"]}, loop, network)
        return history.errors, channel_ends(time, signals, loop, network)

    whole, _ = run("whole", 6, start=(0.25, -0.15))
    _, ends = run("first", 5, start=(0.25, -0.15))
    more, _ = run("more", 1, start=ends[:-1].tolist(), threshold_start=float(ends[-1]))
    scale = np.abs(whole[0]).max()
    assert np.abs(whole[5] - whole[0]).max() > 0.2 * scale
    assert np.abs(more[0] - whole[5]).max() < 0.03 * scale
    lost = 2e6 / 2.5e6 * abs(float(ends[-1]))  # what a threshold that starts at 0 would add to every error
    assert lost > 0.1 * scale
