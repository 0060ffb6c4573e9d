"""Every technology against the contract, measured with a real simulator."""

from __future__ import annotations

import numpy as np
import pytest
from block_bench import Bench, amplitude, mean, use

from hgesim.blocks import CONTRACT, TECHNOLOGIES, Block, get_block
from hgesim.blocks.transfer import (
    coupler_output,
    coupler_response,
    hinge_loss,
    integrator_slope,
    loss_value,
    lowpass_response,
    mixer_mean,
    mixer_output,
    readout_output,
)

TRANSISTOR_TOLERANCE = 0.15
technologies = pytest.mark.parametrize("technology", TECHNOLOGIES)


def tolerance(block: Block, ideal: float = 0.002) -> float:
    return ideal if block.technology == "ideal" else TRANSISTOR_TOLERANCE


def clock(block: Block, rise: float, fall: float) -> str:
    """Return hold and holdn pulses between the rails of the block."""
    high, low = TECHNOLOGIES[block.technology].positive, TECHNOLOGIES[block.technology].negative
    times = f"{rise} 1e-6 1e-6 {fall - rise} 1"
    return f"vh h 0 pulse({low} {high} {times})\nvhn hn 0 pulse({high} {low} {times})"


def never_hold(block: Block) -> str:
    return clock(block, 10.0, 11.0)


@technologies
def test_readout_is_minus_rf_times_the_current_into_it(bench: Bench, technology: str) -> None:
    block = get_block("readout", technology)
    data = bench.run([block], "ii 0 i 0\n" + use(block, "x1", "i o"), ".dc ii -0.6e-6 0.6e-6 0.05e-6", "v(i) v(o)")
    current = np.linspace(-0.6e-6, 0.6e-6, 25)
    assert np.abs(data["v(i)"]).max() < 1e-3
    np.testing.assert_allclose(data["v(o)"], -CONTRACT.readout_rf * current, atol=0.01)
    if technology == "ideal":
        np.testing.assert_allclose(data["v(o)"], readout_output(current), atol=1e-4)


@technologies
def test_readout_transimpedance_is_a_parameter(bench: Bench, technology: str) -> None:
    block = get_block("readout", technology)
    lines = "ii 0 i 1e-7\n" + use(block, "x1", "i o") + " rf=5e6"
    assert bench.run([block], lines, ".op", "v(o)")["v(o)"][0] == pytest.approx(-0.5, abs=2e-3)


@technologies
def test_readout_is_fast_enough(bench: Bench, technology: str) -> None:
    block = get_block("readout", technology)
    lines = "ii 0 i 0 ac 1\nci i 0 1e-12\n" + use(block, "x1", "i o")
    data = bench.run([block], lines, ".ac dec 20 1e3 200e3", "v(o)")
    gain = np.abs(data["v(o)"]) / CONTRACT.readout_rf
    assert gain.min() > np.sqrt(0.5)
    assert gain.max() < 1.1


@technologies
@pytest.mark.parametrize("over", [2e-6, 20e-6])
@pytest.mark.parametrize("sign", [1, -1])
def test_readout_recovers_from_overdrive(bench: Bench, technology: str, over: float, sign: int) -> None:
    """It starts in over-range, comes back, is driven over again, and comes back again, to the right polarity."""
    block = get_block("readout", technology)
    high, low = sign * over, sign * 1e-7
    points = f"0 {high} 1e-4 {high} 1.01e-4 {low} 2e-4 {low} 2.01e-4 {-high} 3e-4 {-high} 3.01e-4 {low} 4e-4 {low}"
    lines = f"ii 0 i pwl({points})\nci i 0 1e-12\n" + use(block, "x1", "i o")
    data = bench.run([block], lines, ".tran 1e-6 4e-4 0 1e-6", "v(i) v(o)")
    at = {t: float(np.interp(t, data["time"], data["v(o)"])) for t in (0.9e-4, 1.9e-4, 2.9e-4, 3.3e-4, 3.9e-4)}
    assert -sign * at[0.9e-4] > 1.2
    assert sign * at[2.9e-4] > 1.2
    for settled in (1.9e-4, 3.3e-4, 3.9e-4):
        assert at[settled] == pytest.approx(-CONTRACT.readout_rf * low, abs=2e-3)


@technologies
def test_loss_follows_its_formula(bench: Bench, technology: str) -> None:
    block = get_block("loss", technology)
    lines = "ve e 0 0\n" + use(block, "x1", "e a b")
    data = bench.run([block], lines, ".dc ve -0.5 0.5 0.05", "v(e) v(a) v(b) i(ve)")
    error, output = data["v(e)"], data["v(a)"] - data["v(b)"]
    far = np.abs(error) > 0.01
    np.testing.assert_allclose(output[far], loss_value(error[far]), rtol=tolerance(block))
    assert np.abs(output[~far]).max() < 1e-3
    assert np.abs(data["i(ve)"]).max() < 1e-6
    assert np.abs(data["v(a)"] + data["v(b)"]).max() / 2 < 0.25


@technologies
def test_loss_reproduces_the_foundry_measurement(bench: Bench, technology: str) -> None:
    block = get_block("loss", technology)
    measured = {0.05: 0.0166, 0.1: 0.0622, 0.15: 0.122, 0.2: 0.181, 0.3: 0.283, 0.5: 0.469}
    data = bench.run([block], "ve e 0 0\n" + use(block, "x1", "e a b"), ".dc ve 0 0.5 0.05", "v(e) v(a) v(b)")
    found = np.interp(list(measured), data["v(e)"], data["v(a)"] - data["v(b)"])
    np.testing.assert_allclose(found, list(measured.values()), rtol=TRANSISTOR_TOLERANCE)


@technologies
@pytest.mark.parametrize("label", [1, -1])
def test_hinge_gates_the_loss(bench: Bench, technology: str, label: int) -> None:
    """Loss and hinge together over the whole range; then the hinge alone: where it opens, how far it shuts."""
    loss, hinge = get_block("loss", technology), get_block("hinge", technology)
    lines = f"ve e 0 0\nvl l 0 {label}\n{use(loss, 'x1', 'e p n')}\n" + use(hinge, "x2", "e l p n a b")
    data = bench.run([loss, hinge], lines, ".dc ve -0.5 0.5 0.05", "v(e) v(a) v(b) v(p) v(n) i(ve) i(vl)")
    error, output = data["v(e)"], data["v(a)"] - data["v(b)"]
    opened, far = error * label > 0.01, np.abs(error) > 0.01
    np.testing.assert_allclose(output[far], hinge_loss(error, label)[far], rtol=tolerance(loss), atol=2e-5)
    np.testing.assert_allclose(output[opened], (data["v(p)"] - data["v(n)"])[opened], atol=1e-6)
    assert max(np.abs(data["i(ve)"]).max(), np.abs(data["i(vl)"]).max()) < 1e-6
    assert np.abs(data["v(a)"] + data["v(b)"])[far].max() / 2 < 0.25
    rail = f"i(v{technology}p)"
    lines = f"ve e 0 0\nvl l 0 {label}\nvp p 0 0.3\nvn n 0 -0.2\n" + use(hinge, "x2", "e l p n a b")
    data = bench.run([hinge], lines, ".dc ve -5e-3 5e-3 1e-4", f"v(e) v(a) v(b) {rail}")
    wrong, share = data["v(e)"] * label, (data["v(a)"] - data["v(b)"]) / 0.5
    assert np.all((wrong > -2.5e-3) | (np.abs(share) < 0.1)) and np.all((wrong < 2.5e-3) | (share > 0.9))
    assert abs(share[wrong.argmin()]) < 1e-2 and share[wrong.argmax()] > 0.99
    half = float(np.interp(0.5, share[wrong.argsort()], np.sort(wrong)))
    assert abs(half) < 1e-3
    assert np.abs(data[rail]).max() < 2e-3


@technologies
@pytest.mark.parametrize("label", [1, -1])
@pytest.mark.parametrize("centre", [-0.04, 0.0, 0.01])
def test_hinge_in_front_of_the_coupler(bench: Bench, technology: str, label: int, centre: float) -> None:
    """A ripple at the margin: what reaches the coupler is the gated loss, without glitches, at few time points."""
    loss, hinge, coupler = (get_block(kind, technology) for kind in ("loss", "hinge", "coupler"))
    ripple = f"ve e 0 sin({centre} 0.02 20e3)\nvl l 0 {label}\n{never_hold(coupler)}\n"
    chain = f"{use(loss, 'x1', 'e p n')}\n{use(hinge, 'x2', 'e l p n a b')}\n{use(coupler, 'x3', 'a b c d h hn')}"
    saved = "v(e) v(a) v(b) v(p) v(n)"
    data = bench.run([loss, hinge, coupler], ripple + chain, ".tran 2e-6 4e-4 0 2e-6", saved)
    time, output = data["time"], data["v(a)"] - data["v(b)"]
    wanted = np.where(data["v(e)"] * label > 0, data["v(p)"] - data["v(n)"], 0)
    grid = np.linspace(1e-4, 4e-4, 30001)
    off = np.interp(grid, time, output - wanted)
    assert np.sqrt(np.mean(off**2)) < 2e-4  # V; the loss of the ripple's crest is 3 mV to 25 mV
    late = (1e-4, 4e-4)
    found, expected = (amplitude(time, values, 20e3, late) for values in (output, wanted))
    assert abs(found - expected) < 2e-2 * abs(expected) + 1e-5
    assert len(time) < 800  # 32 crossings at most; 200 without any


@technologies
@pytest.mark.parametrize("size", [0.005, 0.01, 0.1])
def test_coupler_amplifies_and_limits(bench: Bench, technology: str, size: float) -> None:
    block = get_block("coupler", technology)
    lines = f"vs s 0 sin(0 {size} 20e3)\nep p 0 s 0 0.5\nen n 0 s 0 -0.5\n{never_hold(block)}\n"
    data = bench.run([block], lines + use(block, "x1", "p n a b h hn"), ".tran 1e-6 6e-4 0 0.5e-6", "v(a) v(b)")
    time, output = data["time"], data["v(a)"] - data["v(b)"]
    late = time > 4e-4
    phase = 2 * np.pi * 20e3 * np.linspace(0, 5e-5, 1001)
    response = complex(coupler_response(20e3))
    expected = coupler_output(size * abs(response) * np.sin(phase))
    assert output[late].max() == pytest.approx(expected.max(), rel=tolerance(block, 0.01))
    assert output[late].min() == pytest.approx(expected.min(), rel=tolerance(block, 0.01))
    found = amplitude(time, output, 20e3, (4e-4, 6e-4))
    assert found.real > 0
    assert abs(np.angle(found / response, deg=True)) < 3
    common = mean(time, (data["v(a)"] + data["v(b)"]) / 2, 4e-4, 6e-4)
    # in the limit the pair that is off rises to the rail, so the mean of both outputs is looked at for small signals
    assert abs(common) < 0.25 or size == 0.1


@technologies
@pytest.mark.parametrize("step", [0.3, -0.3])
def test_coupler_hold_swallows_a_step(bench: Bench, technology: str, step: float) -> None:
    block = get_block("coupler", technology)
    source = (
        f"vs s 0 pwl(0 0 1e-4 0 1.01e-4 {step} 2e-4 {step} 2.01e-4 {step * 1.01})\nep p1 0 s 0 0.5\nen n1 0 s 0 -0.5"
    )
    lines = f"{source}\nrp p1 p 56e3\nrn n1 n 56e3\n{clock(block, 0.9e-4, 1.4e-4)}\n"
    data = bench.run([block], lines + use(block, "x1", "p n a b h hn"), ".tran 1e-6 2.4e-4 0 0.5e-6", "v(a) v(b)")
    output = np.interp([1.35e-4, 1.9e-4, 2.3e-4], data["time"], data["v(a)"] - data["v(b)"])
    assert abs(output[0]) < 1e-3  # held: the step is gone
    assert abs(output[1]) < 0.02  # released: nothing comes back
    assert output[2] * np.sign(step) > 0.03  # and a small step is seen again


@technologies
def test_mixer_static_curves(bench: Bench, technology: str) -> None:
    block = get_block("mixer", technology)
    lines = "vs s 0 0\nep p 0 s 0 0.5\nen n 0 s 0 -0.5\nvl l 0 0\n" + use(block, "x1", "p n l a b")
    data = bench.run([block], lines, ".dc vs -0.1 0.1 0.1 vl -0.3 0.3 0.1", "v(s) v(l) v(a) v(b) i(vl)")
    output = data["v(a)"] - data["v(b)"]
    expected = mixer_output(data["v(s)"], data["v(l)"])
    np.testing.assert_allclose(output, expected, rtol=tolerance(block), atol=1e-3)
    assert np.abs(data["i(vl)"]).max() < 1e-6
    assert np.abs(data["v(a)"] + data["v(b)"]).max() / 2 < 0.25


@technologies
@pytest.mark.parametrize(("size", "degrees"), [(0.02, 0), (0.1, 0), (0.1, 180), (0.1, 90), (0.4, 0), (1.5, 0)])
def test_mixer_mean_is_the_in_phase_part(bench: Bench, technology: str, size: float, degrees: int) -> None:
    block = get_block("mixer", technology)
    lines = f"vs s 0 sin(0 {size} 10e3 0 0 {degrees})\nep p 0 s 0 0.5\nen n 0 s 0 -0.5\nvl l 0 sin(0 0.3 10e3)\n"
    data = bench.run([block], lines + use(block, "x1", "p n l a b"), ".tran 1e-6 3e-4 0 0.5e-6", "v(a) v(b)")
    found = mean(data["time"], data["v(a)"] - data["v(b)"], 1e-4, 3e-4)
    expected = np.cos(np.radians(degrees)) * float(mixer_mean(size))
    assert found == pytest.approx(expected, rel=tolerance(block), abs=1e-3 if technology == "ideal" else 3e-3)
    if size <= 0.1 and degrees == 0:
        assert found / size == pytest.approx(1.6, rel=TRANSISTOR_TOLERANCE)


@technologies
def test_mixer_driven_hard_costs_few_iterations(bench: Bench, technology: str) -> None:
    """With a loop's tolerances and step; where the drains of the quad are free to swing it takes 18 a time point."""
    mixer, coupler = get_block("mixer", technology), get_block("coupler", technology)
    source = f"vs s 0 sin(0 0.1 27e3)\nep p 0 s 0 0.5\nen n 0 s 0 -0.5\nvl l 0 sin(0 0.3 11e3)\n{never_hold(coupler)}\n"
    chain = f"{use(coupler, 'x1', 'p n c d h hn')}\n{use(mixer, 'x2', 'c d l a b')}"
    bench.options = "reltol=1e-3 abstol=1e-9"
    data = bench.run([mixer, coupler], source + chain, ".tran 2e-6 1e-3 0 2e-6", "v(a) v(b) v(c) v(d)")
    assert np.abs(data["v(c)"] - data["v(d)"]).max() > 1.5
    assert len(data["time"]) < 600  # 508 without any step refused
    assert bench.iterations < 8 * len(data["time"])


@technologies
def test_lowpass_corner(bench: Bench, technology: str) -> None:
    block = get_block("lowpass", technology)
    lines = "v1 p 0 0 ac 0.5\nv2 n 0 0 ac -0.5\n" + use(block, "x1", "p n a b")
    data = bench.run([block], lines, ".ac dec 10 1e2 1e5", "v(a) v(b)")
    np.testing.assert_allclose(data["v(a)"] - data["v(b)"], lowpass_response(data["frequency"]), atol=1e-3)


@technologies
@pytest.mark.parametrize("drive", [0.2, -0.2, 0.0])
def test_integrator_slope_and_dither(bench: Bench, technology: str, drive: float) -> None:
    block = get_block("integrator", technology)
    lines = f"v1 p 0 {drive / 2}\nv2 n 0 {-drive / 2}\nvd d 0 sin(0 0.03 10e3)\n.ic v(o)=0.3\n"
    data = bench.run([block], lines + use(block, "x1", "p n d o"), ".tran 2e-6 6e-3 0 2e-6", "v(o) v(d)")
    time, output = data["time"], data["v(o)"]
    start, end = mean(time, output, 1e-3, 2e-3), mean(time, output, 5e-3, 6e-3)
    assert (end - start) / 4e-3 == pytest.approx(float(integrator_slope(drive)), rel=0.01, abs=0.01)
    ratio = amplitude(time, output, 10e3, (5e-3, 6e-3)) / amplitude(time, data["v(d)"], 10e3, (5e-3, 6e-3))
    if drive == 0:  # a ramp has a little of every frequency
        assert abs(ratio) == pytest.approx(1, abs=1e-3)
        assert abs(np.angle(ratio, deg=True)) < 0.5
        assert start == pytest.approx(0.3, abs=0.01)  # .ic sets where it begins


@technologies
def test_integrator_time_constant_is_a_parameter(bench: Bench, technology: str) -> None:
    block = get_block("integrator", technology)
    lines = "v1 p 0 0.1\nv2 n 0 -0.1\n.ic v(o)=0\n" + use(block, "x1", "p n 0 o") + " r=1e6 c=1e-9"
    data = bench.run([block], lines, ".tran 1e-5 3e-3 0 1e-5", "v(o)")
    found = np.diff(np.interp([1e-3, 3e-3], data["time"], data["v(o)"]))[0] / 2e-3
    assert found == pytest.approx(float(integrator_slope(0.2, 1e6, 1e-9)), rel=0.01)


@technologies
def test_integrator_leaves_its_limit(bench: Bench, technology: str) -> None:
    block = get_block("integrator", technology)
    lines = "v1 p 0 pwl(0 -1 0.05 -1 0.0501 1)\n.ic v(o)=1\n" + use(block, "x1", "p 0 0 o") + " r=1e6"
    data = bench.run([block], lines, ".tran 1e-4 0.1 0 1e-4", "v(o)")
    limit, after = np.interp([0.05, 0.1], data["time"], data["v(o)"])
    assert limit > 1.3
    assert after < -1.3
    if technology == "ideal":
        assert np.abs(data["v(o)"]).max() == pytest.approx(CONTRACT.readout_limit, abs=0.01)
