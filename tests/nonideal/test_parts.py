"""What acts inside of blocks, on their own parts: leaks, absorption, offsets of transistors, tolerances."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import expm
from single_blocks import FIXED, bench, design, placed, run, source
from small_designs import simulate

from hgesim.blocks import block_from_file, get_block
from hgesim.circuit import Capacitor, Dc, Element, Pulse, Resistor, StartServo, Transconductance, VoltageSource
from hgesim.errors import RequestError
from hgesim.nonideal import Nonideal, deviate
from hgesim.nonideal.own import own_block


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
