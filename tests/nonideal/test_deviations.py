"""Offsets, gains, poles, tones and supplies: what each does to a block, against the formula of its place."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from single_blocks import FIXED, bench, design, placed, run, source
from small_designs import simulate

from hgesim.blocks.transfer import mixer_output, reference_wave
from hgesim.circuit import (
    CurrentSource,
    Dc,
    Element,
    Pulse,
    Resistor,
    Sine,
    Square,
    Staircase,
    StartServo,
    VoltageSource,
)
from hgesim.design import Design
from hgesim.nonideal import FACTORS, Nonideal

# Factors of what the small ohmic loop of ideal blocks has not; tested by themselves.
ELSEWHERE = ("mismatch", "transistor_offset", "broken_bonds", "level_ageing")


@pytest.mark.parametrize("name", [n for n, f in FACTORS.items() if f.draw == "once per chip" and n not in ELSEWHERE])
def test_each_factor_changes_the_deck_and_only_where_it_belongs(name: str) -> None:
    beside = {name.replace("slew", "bandwidth"): 1e5} if name.endswith("slew") else {}
    chip = Nonideal({name: FACTORS[name].typical, **beside}, seed=2)
    nominal, made = design(Nonideal()).netlist(), design(chip).netlist()
    assert made == design(chip).netlist() != nominal
    new = set(instance_lines(made)) - set(instance_lines(nominal))
    places = {
        "resistor": r"x_lowpass|x_integrator|x_coupler",
        "capacitor": r"x_lowpass|x_integrator|x_coupler",
        "integrator": r"x_integrator|[vrcb]_integrator",
        "coupler": r"x_coupler|[vrcb]_coupler",
        "dielectric": r"x_integrator",
        "control": r"x_integrator",
        "readout": r"x_readout|[vrcb]_readout",
        "loss": r"x_loss|v_loss",
        "mixer": r"x_mixer|[vrg]_mixer",
        "dither": r"i_dither",
        "reference": r"i_ref|x_mixer|[rg]_mixer",
        "supply": r"v_v[pn]_|v_hold",
    }
    found = {line for line in new if re.match(places[name.split("_")[0]], line)}
    assert found and all(line.startswith("b_start_") for line in new - found)


def instance_lines(text: str) -> list[str]:
    """Elements of a deck, those of subcircuits left out."""
    lines, depth = [], 0
    for line in text.splitlines():
        depth += line.startswith(".subckt")
        if not depth and line[:1].isalpha():
            lines.append(line)
        depth -= line.startswith(".ends")
    return lines


def test_offsets_are_seen_at_the_inputs(where: tuple) -> None:
    chip = Nonideal({"readout_offset": 7e-3, "loss_offset": 30e-3}, **FIXED)
    parts = [placed("readout", inp="el"), Resistor("r_in", "el", "0", 1e6)]
    parts += [placed("loss", e="zero"), VoltageSource("v_zero", "zero", "0", Dc(0.0))]
    raw = run(parts, chip, ("el", "out", "outp", "outn"), where)
    assert raw["v(el)"][-1] == pytest.approx(7e-3, rel=1e-4)
    assert raw["v(out)"][-1] == pytest.approx(7e-3 * 2e6 / 1e6, rel=1e-3)  # -rf times the current counted into inp
    square = 0.94 * 30e-3 * math.tanh(30e-3 / 0.126)
    assert raw["v(outp)"][-1] - raw["v(outn)"][-1] == pytest.approx(square, rel=1e-3)


def test_an_integrator_with_an_offset_runs_away_at_offset_over_time_constant(where: tuple) -> None:
    chip = Nonideal({"integrator_offset": -4e-3}, **FIXED)
    ports = {"inp": "zero", "inn": "zero", "dither": "zero", "out": "c"}
    start = StartServo("b_start", "zero_free", "c", 0.0, "gate")
    parts: list[Element] = [
        placed("integrator", **{**ports, "inp": "zero_free"}),
        Resistor("r_free", "zero_free", "zero", 1e3),
        VoltageSource("v_zero", "zero", "0", Dc(0.0)),
        VoltageSource("v_gate", "gate", "0", Pulse(1.0, 0.0, 2e-8, 1.0, 1e-8)),
        start,
    ]
    raw = run(parts, chip, ("c",), where, stop=4e-3, step=1e-5)
    time, held = np.asarray(raw.values[:, 0]), np.asarray(raw["v(c)"])
    slope = np.polyfit(time[time > 1e-4], held[time > 1e-4], 1)[0]
    assert abs(held[0]) < 5e-3
    assert slope == pytest.approx(4e-3 / 16e-3, rel=0.01)  # v = -1/(rc) times the integral of v(inp,inn)


@pytest.mark.parametrize("shape", ["sine", "square"])
def test_gains_phases_and_feedthrough_show_at_the_mixer(where: tuple, shape: str) -> None:
    """Mean of a mixer with x = a sin, reference sin + phase: gain times cosine of the phase; feed-through adds."""
    turns = (np.arange(5000) + 0.5) / 5000
    reference = reference_wave(turns, 0.3, shape)

    def mean(**sizes: float) -> float:
        chip = Nonideal(sizes, **FIXED)
        parts: list[Element] = [
            placed("mixer", xp="x", xn="ground", lo="lo"),
            VoltageSource("v_ground", "ground", "0", Dc(0.0)),
            source("x", Sine(0.02, 1e4)),
            CurrentSource("i_ref", "lo", "0", (Sine if shape == "sine" else Square)(0.3, 1e4)),
            Resistor("r_ref", "lo", "0", 1.0),
        ]
        raw = run(parts, chip, ("outp", "outn"), where, stop=2e-4, step=5e-7)
        time, value = np.asarray(raw.values[:, 0]), raw["v(outp)"] - raw["v(outn)"]
        grid = np.linspace(1e-4, 2e-4, 4001)
        return float(np.interp(grid, time, value)[:-1].mean())

    nominal = mean()
    assert nominal == pytest.approx((1.59 if shape == "sine" else 1.71) * 0.02, rel=0.01)
    assert mean(mixer_gain=0.1) == pytest.approx(1.1 * nominal, rel=2e-3)
    assert mean(reference_phase=60.0) == pytest.approx(0.5 * nominal, rel=5e-3)
    assert mean(reference_phase=-90.0) == pytest.approx(0.0, abs=1e-3 * abs(nominal))
    # the share of the reference is one more in-phase signal
    fed = mixer_output(0.02 * np.sin(2 * np.pi * turns) + 0.02 * reference, reference).mean()
    assert mean(reference_feedthrough=0.02) == pytest.approx(fed, rel=3e-3)
    # an offset alone gives a mean of zero: the reference has none
    assert mean(mixer_offset=0.01) == pytest.approx(nominal, rel=3e-3)


def test_the_readout_gets_its_gain_and_its_pole(where: tuple) -> None:
    chip = Nonideal({"readout_gain": -0.2, "readout_bandwidth": 1e4}, **FIXED)
    parts: list[Element] = [
        placed("readout", inp="el", out="err"),
        CurrentSource("i_in", "el", "0", Sine(1e-7, 1e4)),
    ]
    raw = run(parts, chip, ("err",), where, stop=8e-4, step=1e-6)
    time, value = np.asarray(raw.values[:, 0]), np.asarray(raw["v(err)"])
    grid = np.linspace(6e-4, 8e-4, 8001)[:-1]
    found = 2j * np.mean(np.interp(grid, time, value) * np.exp(-2j * np.pi * 1e4 * grid))
    assert found == pytest.approx(-1e-7 * 2e6 * 0.8 / (1 + 1j), rel=5e-3)


def test_a_pole_behind_the_coupler_is_one_for_the_difference_and_its_offset_is_seen_by_all_mixers(where: tuple) -> None:
    def out(**sizes: float) -> np.ndarray:
        parts: list[Element] = [
            placed("coupler", inn="ground", hold="vn", holdn="vp"),
            VoltageSource("v_ground", "ground", "0", Dc(0.0)),
            source("inp", Sine(1e-3, 2e4)),
        ]
        raw = run(parts, Nonideal(sizes, **FIXED), ("outp", "outn"), where, stop=1e-3, step=1e-6)
        grid = np.linspace(8e-4, 1e-3, 8001)[:-1]
        value = np.interp(grid, np.asarray(raw.values[:, 0]), raw["v(outp)"] - raw["v(outn)"])
        return np.array([value.mean(), 2j * np.mean(value * np.exp(-2j * np.pi * 2e4 * grid))])

    nominal, slow, moved = out(), out(coupler_bandwidth=4e4), out(coupler_offset=0.05)
    assert abs(nominal[1]) == pytest.approx(0.0258, rel=0.02)
    assert slow[1] == pytest.approx(nominal[1] / (1 + 0.5j), rel=5e-3)
    assert (moved - nominal)[0].real == pytest.approx(0.05, rel=1e-3)
    assert moved[1] == pytest.approx(nominal[1], rel=1e-3)


def test_a_slow_integrator_turns_its_dither_and_starts_where_it_should(where: tuple) -> None:
    """Control and dither leave through the same pole; rounded, the control is that behind the rounding."""
    for step in (0.0, 0.1):
        chip = Nonideal({"integrator_bandwidth": 2e4, "control_step": step, "integrator_offset": 0.01}, **FIXED)
        parts: list[Element] = [
            placed("integrator", inp="free", inn="zero", out="c"),
            Resistor("r_free", "free", "zero", 2e5),
            VoltageSource("v_zero", "zero", "0", Dc(0.0)),
            source("dither", Sine(0.02, 1e4)),
            VoltageSource("v_gate", "gate", "0", Pulse(1.0, 0.0, 2e-8, 1.0, 1e-8)),
            StartServo("b_start", "free", "c", 0.42, "gate"),
        ]
        raw = run(parts, chip, ("c",), where, stop=8e-4, step=1e-6)
        time, value = np.asarray(raw.values[:, 0]), np.asarray(raw["v(c)"])
        grid = np.linspace(6e-4, 8e-4, 8001)[:-1]
        found = 2j * np.mean(np.interp(grid, time, value) * np.exp(-2j * np.pi * 1e4 * grid))
        assert value[0] == pytest.approx(0.4 if step else 0.42, abs=2e-3)
        assert found / 0.02 == pytest.approx(1 / (1 + 0.5j), rel=0.02)


def test_a_slew_limit_is_a_slope_for_steps_and_a_pole_for_small_signals(where: tuple) -> None:
    chip = Nonideal({"readout_bandwidth": 1e5, "readout_slew": 1e5}, **FIXED)

    def out(wave: object, stop: float) -> tuple[np.ndarray, np.ndarray]:
        parts: list[Element] = [
            placed("readout", inp="el", out="err"),
            source("drive", wave),
            Resistor("r_in", "drive", "el", 2e6),
        ]
        raw = run(parts, chip, ("err",), where, stop=stop, step=2e-7)
        return np.asarray(raw.values[:, 0]), np.asarray(raw["v(err)"])

    time, value = out(Pulse(0.0, 1.0, 1e-6, 1.0, 1e-8), 2e-5)
    slope = np.polyfit(time[(time > 2e-6) & (time < 6e-6)], value[(time > 2e-6) & (time < 6e-6)], 1)[0]
    assert slope == pytest.approx(-1e5, rel=0.01) and value[-1] == pytest.approx(-1.0, abs=0.01)
    time, value = out(Sine(1e-3, 1e5), 6e-5)
    grid = np.linspace(4e-5, 6e-5, 8001)[:-1]
    found = 2j * np.mean(np.interp(grid, time, value) * np.exp(-2j * np.pi * 1e5 * grid))
    assert found == pytest.approx(-1e-3 / (1 + 1j), rel=0.02)


def test_rounded_voltages_are_multiples_and_carry_the_dither_on_top(where: tuple) -> None:
    step = 0.1
    parts: list[Element] = [
        source("plus", Pulse(0.0, 0.99, 1e-4, 1.0, 9.9e-5)),  # a ramp of 0.1 ms
        source("minus", Sine(0.02, 1e5)),
        Staircase("x_stairs", "out", "plus", "minus", step),
    ]
    raw = simulate(bench(parts, ("plus", "minus", "out"), step=1e-7), *where)
    plus, minus, out = (np.asarray(raw[f"v({net})"]) for net in ("plus", "minus", "out"))
    exact = step * np.floor((plus - minus) / step + 0.5)
    inside = np.abs((plus - minus) / step - np.floor((plus - minus) / step) - 0.5) > 0.1  # not on an edge
    assert inside.sum() > 500 and np.ptp(plus) > 0.9
    assert np.abs(out - minus - exact)[inside].max() < 2e-2 * step
    assert np.abs(out - plus).max() <= 0.51 * step


def test_controls_start_where_they_should_before_they_are_rounded() -> None:
    made = design(Nonideal({"control_step": 4e-3, "readout_step": 1e-3})).circuit.elements
    stairs = {e.out: e for e in made if isinstance(e, Staircase)}
    assert set(stairs) == {"el_e3", "el_e4", "threshold", "err"}
    servos = [e for e in made if isinstance(e, StartServo)]
    assert {servo.held for servo in servos} == {stairs[out].plus for out in stairs if out != "err"}
    assert all(e.minus.startswith("dither_") for out, e in stairs.items() if out != "err")


def waves(made: Design) -> dict[str, Sine]:
    return {e.name: e.wave for e in made.circuit.elements if isinstance(e, CurrentSource) and isinstance(e.wave, Sine)}


def test_tones_spread_where_they_should() -> None:
    nominal = waves(design(Nonideal()))
    sizes = {"dither_spread": 0.1, "reference_spread": 0.2, "reference_phase": 5.0, "reference_frequency": 1e-3}
    made = waves(design(Nonideal(sizes, seed=8)))
    for name, wave in made.items():
        dither = name.startswith("i_dither")
        assert (wave.frequency == nominal[name].frequency) == dither
        assert (wave.phase == 0) == dither
        assert 0 < abs(wave.amplitude / nominal[name].amplitude - 1) < (0.5 if dither else 1.0)
    assert len({wave.phase for wave in made.values()}) == len(made) / 2 + 1


def test_supplies_and_clocks_move_together() -> None:
    made = design(Nonideal({"supply": -0.1})).circuit.elements
    rails = [e.wave for e in made if isinstance(e, VoltageSource) and e.name.startswith(("v_vp_", "v_vn_"))]
    assert {round(wave.value, 12) for wave in rails} == {1.485, -1.485}
    hold = next(e.wave for e in made if e.name == "v_hold")
    assert (hold.high, hold.low) == pytest.approx((1.485, -1.485))
    # the start gate is no clock of a block
    assert next(e.wave for e in made if e.name == "v_start").high == 1.0
