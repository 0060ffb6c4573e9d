"""Variants of the gf180 blocks: near the contract where they should be, and rid of what they are there to remedy."""

from __future__ import annotations

import numpy as np
import pytest
from block_bench import Bench, amplitude, mean, use
from numpy.typing import NDArray

from hgesim.blocks import Block, get_block
from hgesim.blocks.transfer import coupler_response, integrator_slope, mixer_harmonic, mixer_mean
from hgesim.engine import RawData
from hgesim.nonideal import Nonideal
from hgesim.nonideal.own import own_block

CASE = 1.15e-3
CHOPPED = (get_block("integrator", "gf180_chopped"), "p n d o c cn")
PLAIN = (get_block("integrator", "gf180"), "p n d o")
STATES = {"high": "vc c 0 1.65\nvcn cn 0 -1.65", "low": "vc c 0 -1.65\nvcn cn 0 1.65"}
STATES["toggling"] = "\n".join(
    f"v{net} {net} 0 pulse({high} {-high} {CASE} 1e-6 1e-6 {CASE - 1e-6} {2 * CASE})"
    for net, high in (("c", 1.65), ("cn", -1.65))
)


def chips(block: Block, count: int, seed: int = 1) -> list[Block]:
    """Return mismatched copies of a block."""
    chip = Nonideal({"mismatch": 1.0}, seed)
    return [own_block(block, f"x{k}", chip)[0] for k in range(count)]


def rms(values: NDArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


# ---- mixer: chopper ----------------------------------------------------------------------------------------------


def mixed(bench: Bench, signal: str, name: str = "gf180_chopper", step: float = 0.5e-6) -> RawData:
    """Run a mixer and its low-pass, 1 MOhm behind it, with a sine of 10 kHz at `lo`."""
    block, lowpass = get_block("mixer", name), get_block("lowpass", "gf180")
    lines = f"vs s 0 {signal}\nep p 0 s 0 0.5\nen n 0 s 0 -0.5\nvl l 0 sin(0 0.3 10e3)\n"
    lines += f"{use(block, 'x1', 'p n l a b')}\n{use(lowpass, 'x2', 'a b c d')}\nr1 c 0 4e6\nr2 d 0 4e6"
    return bench.run([block, lowpass], lines, f".tran {step} 6e-4 0 {step}", "v(c) v(d) v(l)")


@pytest.mark.parametrize(("size", "degrees"), [(0.02, 0), (0.1, 0), (0.1, 180), (0.1, 90), (0.4, 0), (1.5, 0)])
def test_chopper_mixer_is_near_the_contract(bench: Bench, size: float, degrees: int) -> None:
    data = mixed(bench, f"sin(0 {size} 10e3 0 0 {degrees})")
    time, low = data["time"], data["v(c)"] - data["v(d)"]
    expected = np.cos(np.radians(degrees)) * float(mixer_mean(size))
    assert mean(time, low, 4e-4, 6e-4) == pytest.approx(expected, rel=0.15, abs=3e-3)
    # the integrator's op-amp takes -1.4 V to 0.8 V
    assert np.abs(data["v(c)"] + data["v(d)"])[time > 2e-4].max() / 2 < 0.25


def test_chopper_mixer_hears_odd_harmonics_as_a_hard_switch_would(bench: Bench) -> None:
    outputs = {}
    for number in (1, 2, 3):
        data = mixed(bench, f"sin(0 0.02 {number * 10e3})")
        outputs[number] = mean(data["time"], data["v(c)"] - data["v(d)"], 4e-4, 6e-4)
    assert abs(outputs[2]) < 2e-4
    assert mixer_harmonic(3) < 0.25 < outputs[3] / outputs[1] < 0.36  # a square wave: 1/3


def test_chopper_mixer_needs_few_time_points(bench: Bench) -> None:
    plain, chopper = (len(mixed(bench, "sin(0 0.05 10e3)", name, 5e-6)["time"]) for name in ("gf180", "gf180_chopper"))
    assert (chopper - plain) / 12 < 25  # crossings; the bench's tolerance is a tenth of that of a run


def offsets(bench: Bench, name: str, direct: float) -> NDArray:
    """Return the mean outputs of four mismatched mixers for a direct voltage at the input."""
    made = chips(get_block("mixer", name), 4)
    lines = f"vs s 0 {direct}\nvl l 0 sin(0 0.3 10e3)\n"
    lines += "\n".join(f"{use(block, f'x{k}', f's 0 l a{k} b{k}')}" for k, block in enumerate(made))
    lines += "".join(f"\nr{k} a{k} b{k} 400e3" for k in range(4))
    nets = " ".join(f"v(a{k}) v(b{k})" for k in range(4))
    data = bench.run(made, lines, ".tran 1e-6 2e-4 0 1e-6", nets)
    return np.array([mean(data["time"], data[f"v(a{k})"] - data[f"v(b{k})"], 1e-4, 2e-4) for k in range(4)])


def test_chopper_mixer_has_no_offset_of_its_own(bench: Bench) -> None:
    """rms of 24 chips: 0.02 mV against 3.0 mV; with 50 mV at the input 0.7 mV against 3.3 mV."""
    assert rms(offsets(bench, "gf180", 0.0)) > 0.8e-3
    assert rms(offsets(bench, "gf180_chopper", 0.0)) < 0.1e-3
    assert rms(offsets(bench, "gf180_chopper", 0.05)) < 2e-3


# ---- coupler: plain ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frequency", [2e3, 20e3])
def test_plain_coupler_is_the_filter_alone(bench: Bench, frequency: float) -> None:
    block = get_block("coupler", "gf180_plain")
    lines = "v1 p 0 0 ac 0.5\nv2 n 0 0 ac -0.5\nvh h 0 -1.65\nvhn hn 0 1.65\n" + use(block, "x1", "p n a b h hn")
    data = bench.run([block], lines, f".ac lin 1 {frequency} {frequency}", "v(a) v(b)")
    assert data["v(a)"][0] - data["v(b)"][0] == pytest.approx(complex(coupler_response(frequency)), abs=0.01)


def test_plain_coupler_holds(bench: Bench) -> None:
    block = get_block("coupler", "gf180_plain")
    times = "0.9e-4 1e-6 1e-6 0.5e-4 1"
    lines = "vs s 0 pwl(0 0 1e-4 0 1.01e-4 0.3 2e-4 0.3 2.01e-4 0.4)\nep p 0 s 0 0.5\nen n 0 s 0 -0.5\n"
    lines += f"vh h 0 pulse(-1.65 1.65 {times})\nvhn hn 0 pulse(1.65 -1.65 {times})\n"
    data = bench.run([block], lines + use(block, "x1", "p n a b h hn"), ".tran 1e-6 2.4e-4 0 0.5e-6", "v(a) v(b)")
    held, free, seen = np.interp([1.35e-4, 1.9e-4, 2.02e-4], data["time"], data["v(a)"] - data["v(b)"])
    assert abs(held) < 1e-4 and abs(free) < 1e-3
    assert seen == pytest.approx(0.1, abs=5e-3)


# ---- integrator: chopped -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("drive", [0.2, 0.0])
def test_chopped_integrator_keeps_the_contract_in_each_state(bench: Bench, state: str, drive: float) -> None:
    block, nodes = CHOPPED
    lines = f"v1 p 0 {drive / 2}\nv2 n 0 {-drive / 2}\nvd d 0 sin(0 0.03 10e3)\n.ic v(o)=0.3\n{STATES[state]}\n"
    data = bench.run([block], lines + use(block, "x1", nodes), ".tran 2e-6 6e-3 0 2e-6", "v(o) v(d)")
    time, output = data["time"], data["v(o)"]
    start, end = mean(time, output, 1e-3, 2e-3), mean(time, output, 5e-3, 6e-3)
    assert (end - start) / 4e-3 == pytest.approx(float(integrator_slope(drive)), rel=0.01, abs=0.01)
    ratio = amplitude(time, output, 10e3, (5e-3, 6e-3)) / amplitude(time, data["v(d)"], 10e3, (5e-3, 6e-3))
    if drive == 0:
        assert abs(ratio) == pytest.approx(1, abs=1e-3)
        assert abs(np.angle(ratio, deg=True)) < 0.5
        assert start == pytest.approx(0.3, abs=0.01)


def drifts(bench: Bench, of: tuple[Block, str], state: str) -> tuple[NDArray, NDArray]:
    """Return drifts (V/s) and square waves at the outputs (V) of four mismatched integrators, inputs grounded."""
    made = chips(of[0], 4)
    nodes = [of[1].replace("o", f"o{k}") for k in range(4)]
    lines = f"vp p 0 0\nvn n 0 0\nvd d 0 0\n{STATES[state]}\n.ic " + " ".join(f"v(o{k})=0" for k in range(4)) + "\n"
    lines += "\n".join(use(block, f"x{k}", nodes[k]) for k, block in enumerate(made))
    data = bench.run(made, lines, f".tran 1e-5 {6 * CASE} 0 1e-5", " ".join(f"v(o{k})" for k in range(4)))
    time, outputs = data["time"], [data[f"v(o{k})"] for k in range(4)]
    means = np.array([[mean(time, v, 2 * CASE * j, 2 * CASE * (j + 1)) for j in (1, 2)] for v in outputs])
    ends = np.array([np.interp([3.9 * CASE, 4.9 * CASE], time, v) for v in outputs])
    return (means[:, 1] - means[:, 0]) / (2 * CASE), ends[:, 1] - ends[:, 0]


def test_chopping_turns_the_offset_over_and_so_away(bench: Bench) -> None:
    """A held clock: the offset drives the integrator, one way or the other; toggling, nothing is left but a ripple."""
    high, low = (drifts(bench, CHOPPED, state)[0] for state in ("high", "low"))
    assert rms(high) > 0.02  # 1.5 mV over 16 ms are 94 mV/s
    np.testing.assert_allclose(high, -low, atol=2e-3)
    toggling, ripple = drifts(bench, CHOPPED, "toggling")
    assert rms(toggling) < 2e-3
    # twice the offset, which the drift tells: 16 ms times it; the output follows the sign of the offset at once
    np.testing.assert_allclose(np.abs(ripple), 2 * 16e-3 * np.abs(high), atol=0.2e-3)


def test_an_integrator_that_does_not_chop_drifts(bench: Bench) -> None:
    assert rms(drifts(bench, PLAIN, "high")[0]) > 0.02
