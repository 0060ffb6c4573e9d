"""Blocks that Python computes beside the simulator: their joints, and converters against textbook figures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from hgesim.blocks import PYTHON, get_block
from hgesim.circuit import BlockInstance, Dc, Resistor, Sine, VoltageSource
from hgesim.cosim import Listener, PythonSource, Session
from hgesim.design import Circuit, Transient
from hgesim.engine import Engine
from hgesim.loop import Clock, ComputedBlocks, Converter, Converters, python_instances

TONE = 20e3


def chain(*kinds: str, **parameters: float) -> list[BlockInstance]:
    """Blocks one behind the other, from the pair ``in``, ``0``."""
    found, pair = [], ("in", "0")
    for number, kind in enumerate(kinds):
        block, out = get_block(kind, PYTHON), (f"p{number}", f"n{number}")
        ends = {"out": out[0], "dither": "0"} if kind == "integrator" else {"outp": out[0], "outn": out[1]}
        nets = {"inp": pair[0], "inn": pair[1], **ends, "vp": "0", "vn": "0"}
        own = {key: value for key, value in parameters.items() if key in dict(block.parameters)}
        found.append(BlockInstance(f"x_{kind}", block, nets, own))
        pair = out
    return found


def test_a_block_behind_another_gets_its_fresh_output() -> None:
    """Through a divider of what stands behind one and what loads the other; only the first reads the circuit."""
    blocks = ComputedBlocks(chain("lowpass", "integrator", c=1e-9), Converters())
    assert blocks.nodes == ("in",) and blocks.sources == ("v.x_lowpass.vsig", "v.x_integrator.vsig")
    assert blocks(0.0, 0.6) == [0.6, 0.0]
    low, out = blocks(1e-4, 0.6)
    assert low == pytest.approx(0.6)
    share = 4e6 / (4e6 + 200e3)
    assert out == pytest.approx(-0.6 * share * 1e-4 / (4e6 * 1e-9))


@pytest.mark.parametrize("technology", ["ideal", "python"])
def test_a_low_pass_discharges_through_what_loads_it(technology: str) -> None:
    """A step from 0: the capacitor sees the low-pass's resistor and the integrator's side by side."""
    low, integrator = chain("lowpass", "integrator")
    behind = BlockInstance("x_integrator", get_block("integrator", technology), integrator.nets, {})
    blocks = ComputedBlocks([behind, low], Converters())
    tau = 2 * 100e-12 / (1 / 200e3 + 1 / 4e6)
    blocks(0.0, 0.0)
    blocks(1e-15, 1.0)
    assert blocks(tau, 1.0)[0] == pytest.approx(1 - math.exp(-1), rel=1e-6)


def test_converters_stand_at_the_crossings_only() -> None:
    """A pair is read as one difference; between blocks nothing is rounded; a clock line never is."""
    converters = Converters(Converter(3, 1.0), Converter(4, 1.0))
    coupler = BlockInstance(
        "x_coupler",
        get_block("coupler", PYTHON),
        {
            **dict.fromkeys(("vp", "vn"), "0"),
            "inp": "a",
            "inn": "b",
            "outp": "p",
            "outn": "n",
            "hold": "h",
            "holdn": "g",
        },
        {"gain": 1.0, "vmax": 1e6},
    )
    blocks = ComputedBlocks([coupler], converters)
    assert blocks.nodes == ("a", "b", "h", "g")
    assert blocks(0.0, 0.0, 0.0, 1.0, -1.0) == [0.0]
    held = blocks(1e-9, 0.9, 0.55, -0.001, 0.001)  # 0.35 V is read as 0.25 V, and goes out as that: 4 bits have it
    assert held == pytest.approx([0.25], abs=1e-6)
    assert blocks(2e-9, 0.9, 0.55, 0.001, -0.001) == [0.0]
    placed = chain("lowpass", "integrator")
    assert python_instances([Resistor("r1", "a", "b", 1.0), *reversed(placed)]) == tuple(placed)
    assert ComputedBlocks([], converters).sources == ()


def transfer(folder: Path, converters: Converters, step: float, stop: float) -> tuple[np.ndarray, np.ndarray]:
    """Send a sine of 1 V through Python and back; return time and what comes."""
    elements = (
        VoltageSource("v_in", "in", "0", Sine(1.0, TONE)),
        VoltageSource("v_rest", "rest", "0", Dc(0.0)),
        *chain("lowpass", r=1.0, c=1e-15),
        Resistor("r_p", "p0", "rest", 1e6),
        Resistor("r_n", "n0", "rest", 1e6),
    )
    blocks = ComputedBlocks(elements, converters)
    source = PythonSource(blocks, blocks.nodes, grid=converters.clock.period, initial=blocks.initial)
    listeners = [Listener(blocks.watch, blocks.nodes)] if converters.clock.jitter else []
    circuit = Circuit("through Python", elements, Transient(stop, step), ("in", "p0", "n0"))
    with Session(circuit, sources={blocks.sources: source}, listeners=listeners, folder=folder) as session:
        session.run()
        waves = session.waveforms()
    return np.array(waves["time"]), np.array(waves["v(p0)"] - waves["v(n0)"])


def test_what_is_held_falls_off_as_a_sinc_and_lags_by_half_a_period(tmp_path: Path, shared_engine: Engine) -> None:
    rate, step = 100e3, 0.2e-6
    time, out = transfer(tmp_path, Converters(clock=Clock(rate)), step, 6e-4)
    grid = np.arange(1e-4, 6e-4, 1 / (200 * TONE))  # ten whole periods
    found = 2 * np.mean(np.interp(grid, time, out) * np.exp(-2j * np.pi * TONE * grid)) * 1j
    assert abs(found) == pytest.approx(np.sinc(TONE / rate), abs=4e-3)
    assert -np.angle(found) == pytest.approx(math.pi * TONE / rate, abs=1.5 * 2 * math.pi * TONE * step)


def test_jitter_and_rounding_in_a_session(tmp_path: Path, shared_engine: Engine) -> None:
    """Noise of 2 pi f sigma/root 2 of a sine of 1 V, and of a step over root 12, from sample to sample."""
    rate, jitter = 500e3, 100e-9
    for name, converters, wanted in (
        ("jitter", Converters(clock=Clock(rate, jitter), seed=2), 2 * math.pi * TONE * jitter / math.sqrt(2)),
        ("bits", Converters(Converter(6, 1.5), clock=Clock(rate * 1.013)), 3.0 / 2**6 / math.sqrt(12)),
    ):
        period = converters.clock.period
        assert period is not None
        time, out = transfer(tmp_path / name, converters, 0.5e-6, 1e-3)
        ticks = period * np.arange(5, int(0.99e-3 / period))
        error = np.interp(ticks + 0.8 * period, time, out) - np.sin(2 * np.pi * TONE * ticks)
        assert error.std() == pytest.approx(wanted, rel=0.15), name
        assert abs(error.mean()) < 0.2 * wanted
