"""Offsets, gains, tones, passive parts and supplies: what each does to a block, against the formula of its place."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import expm
from small_designs import simulate, small_loop, small_star

from hgesim.blocks import get_block
from hgesim.blocks.transfer import mixer_output, reference_wave
from hgesim.circuit import (
    BlockInstance,
    Capacitor,
    CurrentSource,
    Dc,
    Element,
    Pulse,
    Resistor,
    Sine,
    Square,
    Staircase,
    StartServo,
    Transconductance,
    VoltageSource,
)
from hgesim.design import Circuit, Design, Transient, block_set
from hgesim.engine import Engine, RawData
from hgesim.errors import RequestError
from hgesim.nonideal import FACTORS, Nonideal, deviate
from hgesim.nonideal.own import own_block

FIXED = {"distribution": "fixed"}
# Factors of what this small ohmic loop of ideal blocks has not; tested by themselves.
ELSEWHERE = ("mismatch", "transistor_offset", "broken_bonds", "level_ageing")
RAILS = tuple(VoltageSource(f"v_{net}", net, "0", Dc(volt)) for net, volt in (("vp", 1.65), ("vn", -1.65)))


def design(chip: Nonideal, technology: str = "ideal") -> Design:
    network = small_star()
    return Design(network, small_loop(network), block_set(technology), nonideal=chip)


def placed(kind: str, technology: str = "ideal", **nets: str) -> BlockInstance:
    block = get_block(kind, technology)
    return BlockInstance(f"x_{kind}", block, {port: nets.get(port, port) for port in block.ports}, note=kind)


def bench(parts: list[Element], probes: tuple[str, ...], stop: float = 1e-4, step: float = 1e-6) -> Circuit:
    return Circuit("bench", (*RAILS, *parts), Transient(stop, step), probes)


def run(parts: list[Element], chip: Nonideal, probes: tuple[str, ...], where: tuple, **times: float) -> RawData:
    folder, engine = where
    return simulate(bench([*deviate(parts, chip)], probes, **times), folder, engine)


@pytest.fixture
def where(tmp_path: Path, ngspice: Engine) -> tuple[Path, Engine]:
    return tmp_path, ngspice


def source(net: str, wave: object) -> VoltageSource:
    return VoltageSource(f"v_{net}_in", net, "0", wave)


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


def test_a_leak_makes_the_integrator_decay_with_its_time_constant(where: tuple) -> None:
    leak, farads = 1e-6, 4e-9  # 4 ms
    chip = Nonideal({"integrator_leak": leak}, **FIXED)
    ports = {"inp": "zero_free", "inn": "zero", "dither": "zero", "out": "c"}
    parts: list[Element] = [
        placed("integrator", **ports),
        Resistor("r_free", "zero_free", "zero", 2e5),
        VoltageSource("v_zero", "zero", "0", Dc(0.0)),
        VoltageSource("v_gate", "gate", "0", Pulse(1.0, 0.0, 2e-8, 1.0, 1e-8)),
        StartServo("b_start", "zero_free", "c", 0.5, "gate"),
    ]
    raw = run(parts, chip, ("c",), where, stop=8e-3, step=1e-5)
    time, held = np.asarray(raw.values[:, 0]), np.asarray(raw["v(c)"])
    assert held[0] == pytest.approx(0.5, abs=0.02)
    assert np.abs(held - held[0] * np.exp(-time * leak / farads)).max() < 2e-3


def test_absorbed_charge_comes_back(where: tuple) -> None:
    """A step of charge: the slow branches draw the voltage down by their shares, with their own time constants."""
    share, charge, farads = 0.3, 2e-9, 4e-9
    block = get_block("integrator", "ideal")
    own, touched = own_block(block, "x_i", Nonideal({"dielectric_absorption": share}, **FIXED))
    assert touched == {"dielectric_absorption"}
    lines = [line for line in own.text.splitlines() if re.match(r"[cr]slow\d_c1|c1 ", line)]
    assert len(lines) == 7
    values = {"c": farads}
    parts: list[Element] = [VoltageSource("v_zero", "m", "0", Dc(0.0))]
    for line in lines:
        name, a, b, value = line.split(" ", 3)
        number = float(eval(value.strip("{}"), {}, values))
        kind = Capacitor if name[0] == "c" else Resistor
        parts.append(kind(f"{name[0]}_{name[1:]}", a, b, number))
    parts.append(Resistor("r_dc", "out", "0", 1e12))
    for sign, begin in ((1.0, 1e-5), (-1.0, 2e-5)):  # 10 us of current from 10 us on
        drive = f"drive_{int(begin * 1e6)}"
        parts.append(source(drive, Pulse(0.0, sign * charge / 1e-5, begin, 1.0, 1e-7)))
        parts.append(Transconductance(f"g_{drive}", "out", "0", drive, "0", 1.0))
    raw = simulate(bench(parts, ("out",), stop=0.1, step=1e-4), *where)
    time, held = np.asarray(raw.values[:, 0]), np.asarray(raw["v(out)"])
    # oracle: the four capacitors' charges as a linear system
    caps = np.array([farads, *[farads * share / 3] * 3])
    rates = 1 / np.array([1e-3, 1e-2, 1e-1])
    flow = np.zeros((4, 4))
    for k in range(3):
        conductance = caps[k + 1] * rates[k]
        flow[0, 0] -= conductance / caps[0]
        flow[0, k + 1] += conductance / caps[k + 1]
        flow[k + 1, 0] += conductance / caps[0]
        flow[k + 1, k + 1] -= conductance / caps[k + 1]
    for at in (1e-3, 1e-2, 9e-2):
        exact = (expm(flow * (at - 1.5e-5)) @ [charge, 0, 0, 0])[0] / farads
        assert np.interp(at, time, held) == pytest.approx(exact, rel=5e-3)
    assert held[-1] < 0.5 * (1 - share / 2)


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


@pytest.mark.parametrize("kind", ["mixer", "coupler", "readout"])
def test_transistors_that_are_not_the_foundrys_have_an_offset_each(kind: str) -> None:
    """One source for each transistor of the nominal circuit, at its gate or base; the same whatever else is on."""
    block, size = get_block(kind, "discrete"), 1.4e-3

    def found(instance: str = "x_a", **more: float) -> dict[str, float]:
        own, touched = own_block(block, instance, Nonideal({"transistor_offset": size, **more}, seed=3))
        assert "transistor_offset" in touched
        place, volts = "", {}
        for line in own.text.splitlines():
            words = line.split()
            place = words[1] if words[0] == ".subckt" else place
            if words[0].startswith("voffset_"):
                transistor = f"{words[0].removeprefix('voffset_')} "
                assert any(card.startswith(transistor) and card.split()[2] == words[1] for card in own.text.split("\n"))
                volts[f"{place} {transistor}"] = float(words[3])
        return volts

    one = found()
    assert len(one) == block.transistors == len(set(one.values()))
    assert one == found(resistor_tolerance=0.01, capacitor_spread=0.1)
    assert not set(one.values()) & set(found("x_b").values())
    drawn = np.array([volt for k in range(40) for volt in found(f"x_{k}").values()])
    assert drawn.std() == pytest.approx(size, rel=4 / math.sqrt(2 * len(drawn)))
    with pytest.raises(RequestError, match=r"nonideal\.no-effect.*transistor_offset"):
        design(Nonideal({"transistor_offset": size}))


def test_the_offset_of_the_discrete_op_amp_is_that_of_the_hand_calculation(where: tuple) -> None:
    """Each transistor's share: 1 for those of the pair; of the mirror, its transconductance with 1 kOhm over theirs."""
    count, names = 30, ("m1", "m2", "q3", "q4")
    parts: list[Element] = [VoltageSource(f"v_{n}", n, "0", Dc(v)) for n, v in (("vp5", 5.0), ("vn5", -5.0))]
    nominal = placed("readout", "discrete", inp="i", out="o", vp="vp5", vn="vn5")
    many = [
        dataclasses.replace(nominal, name=f"x_{k}", nets={**nominal.nets, "inp": f"i{k}", "out": f"o{k}"})
        for k in range(count)
    ]
    chip = Nonideal({"transistor_offset": 1e-3}, seed=4)
    raw = simulate(bench([nominal, *parts, *deviate(many, chip)], ("i", *(f"i{k}" for k in range(count)))), *where)
    offsets = np.array([raw[f"v(i{k})"][-1] for k in range(count)]) - raw["v(i)"][-1]
    drawn = np.array([[chip.draw("transistor_offset", f"x_{k}", "xo", name) for name in names] for k in range(count)])
    shares, *_ = np.linalg.lstsq(drawn, offsets, rcond=None)
    current = 0.5 * (10.0 - 0.65) / 43e3
    pair, mirror = math.sqrt(2 * 100e-6 * 2 * current), 1 / (1e3 + 0.02585 / current)
    assert shares[:2] == pytest.approx([-1.0, 1.0], abs=0.05)
    assert shares[2:] == pytest.approx([-mirror / pair, mirror / pair], rel=0.15)
    assert np.abs(drawn @ shares - offsets).max() < 0.1 * offsets.std()  # the stages behind are of no account


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


def test_passive_parts_have_their_own_and_a_common_deviation() -> None:
    block = get_block("lowpass", "ideal")

    def scales(chip: Nonideal, instance: str) -> list[float]:
        own, _ = own_block(block, instance, chip)
        return [float(m[1]) for m in re.finditer(r"^[rc]\d \S+ \S+ \{\(\w+\)\*(\S+)\}$", own.text, re.MULTILINE)]

    each = Nonideal({"resistor_tolerance": 0.01, "capacitor_tolerance": 0.01}, seed=3)
    drawn = np.array([scales(each, f"x_{k}") for k in range(200)])
    assert drawn.shape == (200, 3)
    assert drawn.std(axis=0) == pytest.approx(0.01, rel=0.2)
    assert np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.3
    common = np.array([scales(Nonideal({"resistor_spread": 0.05}, seed=k), f"x_{k}") for k in range(200)])
    assert common.shape == (200, 2) and (common[:, 0] == common[:, 1]).all()
    assert common.std() == pytest.approx(0.05, rel=0.2)


@pytest.mark.parametrize("technology", ["ideal", "gf180", "discrete"])
def test_blocks_with_all_that_is_inside_still_work(technology: str, where: tuple) -> None:
    """A low-pass and a mixer with tolerances pass what the nominal ones do, within these tolerances."""
    chip = Nonideal({"resistor_tolerance": 0.01, "capacitor_tolerance": 0.01}, seed=1)
    parts: list[Element] = [
        placed("mixer", technology, xp="x", xn="ground", lo="lo"),
        VoltageSource("v_ground", "ground", "0", Dc(0.0)),
        source("x", Dc(0.05)),
        source("lo", Dc(0.3)),
        placed("lowpass", technology, inp="outp", inn="outn", outp="lp", outn="ln"),
    ]
    if technology == "discrete":
        parts[0] = dataclasses.replace(parts[0], nets={**parts[0].nets, "vp": "vp5", "vn": "vn5"})
        parts += [VoltageSource(f"v_{net}", net, "0", Dc(v)) for net, v in (("vp5", 5.0), ("vn5", -5.0))]
    nominal = simulate(bench(parts, ("lp", "ln")), where[0] / "a", where[1])
    made = simulate(bench([*deviate(parts, chip)], ("lp", "ln")), where[0] / "b", where[1])
    out = [float(raw["v(lp)"][-1] - raw["v(ln)"][-1]) for raw in (nominal, made)]
    assert out[0] > 0.1
    assert out[1] == pytest.approx(out[0], abs=0.05)
    # nothing flows behind an ideal mixer at rest
    assert (abs(out[1] - out[0]) < 1e-6) == (technology == "ideal")


def test_parts_without_a_plain_value_and_impossible_ones_are_refused(tmp_path: Path) -> None:
    from hgesim.blocks import block_from_file

    (tmp_path / "own.sp").write_text(
        ".subckt lowpass_a inp inn outp outn vp vn\nr1 inp outp r=5\nr2 inn outn 1\n.ends\n"
    )
    block = block_from_file(tmp_path / "own.sp", "lowpass")
    with pytest.raises(RequestError, match=r"nonideal\.unreadable-part.*r1"):
        own_block(block, "x", Nonideal({"resistor_tolerance": 0.01}))
    with pytest.raises(RequestError, match=r"nonideal\.out-of-range.*times its value"):
        for seed in range(1000):
            own_block(get_block("lowpass", "ideal"), "x", Nonideal({"resistor_tolerance": 0.5}, seed))
    assert str(Nonideal({"supply": 0.1})) == "supply 0.1; normal, seed 0"
    with pytest.raises(RequestError, match=r"nonideal\.supply"):
        Nonideal({"supply": -0.9})
