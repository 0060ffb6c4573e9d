"""Blocks that Python computes, against the contract's formulas, and against analysis for those with a memory."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hgesim.blocks import CONTRACT, KINDS, PYTHON, PYTHON_KINDS, get_block
from hgesim.blocks.computed import SENSES, Computation, computation
from hgesim.blocks.transfer import coupler_output, coupler_response, loss_value, lowpass_response, mixer_output
from hgesim.design import block_set
from hgesim.errors import RequestError
from hgesim.loop.wiring import rails_of


def made(kind: str, **changes: float) -> Computation:
    return computation(kind, {**dict(get_block(kind, PYTHON).parameters), **changes})


def phasor(block: Computation, frequency: float, step: float, *rest: float) -> complex:
    """Response to a sine, from its last whole periods, by projection."""
    time = np.arange(0, 40 / frequency, step)
    out = np.array([block(t, (math.sin(2 * math.pi * frequency * t), *rest)) for t in time.tolist()])
    last = time >= time[-1] - 10 / frequency
    basis = np.column_stack([np.sin(2 * np.pi * frequency * time[last]), np.cos(2 * np.pi * frequency * time[last])])
    a, b = np.linalg.lstsq(basis, out[last], rcond=None)[0]
    return complex(a, b)


def test_every_interface_is_there_and_says_so() -> None:
    assert {*PYTHON_KINDS} == {*KINDS} - {"readout"}
    for kind in PYTHON_KINDS:
        block = get_block(kind, PYTHON)
        assert (block.technology, block.transistors, block.models) == (PYTHON, 0, None)
        assert block.ports == KINDS[kind].ports and "Python" in block.ideal_parts
        assert {port for pair in SENSES[kind] for port in pair if port} <= {*block.ports}
    assert rails_of(get_block("coupler", PYTHON)).positive == 1.65


def test_the_readout_stays_analog() -> None:
    with pytest.raises(RequestError, match=r"\[blocks\.no-python\] circuit\.readout: Python cannot play a readout"):
        block_set("ideal", readout=PYTHON)
    with pytest.raises(RequestError, match=r"blocks\.unknown-technology.*circuit\.technology"):
        block_set(PYTHON)
    with pytest.raises(RequestError, match='did you mean "python"'):
        get_block("mixer", "pyhton")


def test_what_has_no_memory_is_the_contracts_formula() -> None:
    for x, y in ((0.02, 0.3), (-0.4, 0.1), (0.7, -0.25)):
        assert made("mixer")(0.0, (x, y)) == pytest.approx(float(mixer_output(x, y)))
        assert made("loss")(0.0, (x,)) == pytest.approx(float(loss_value(x)))
    hinge = made("hinge")
    assert hinge(0.0, (0.4, 0.1, 1.0)) == pytest.approx(0.4) and hinge(0.0, (0.4, -0.1, 1.0)) == pytest.approx(0.0)
    assert hinge(0.0, (0.4, 0.0, 1.0)) == pytest.approx(0.2) and hinge(0.0, (0.4, -0.1, -1.0)) == pytest.approx(0.4)


def test_the_low_pass_has_its_pole() -> None:
    for frequency in (1e3, 4e3, 20e3):
        assert phasor(made("lowpass"), frequency, 0.5e-6) == pytest.approx(
            complex(lowpass_response(frequency)), abs=2e-3
        )


def test_the_low_pass_is_exact_for_straight_lines() -> None:
    """A ramp of slope s from rest: s (t - tau + tau exp(-t/tau)), however coarse the steps."""
    tau = 2 * CONTRACT.lowpass_r * CONTRACT.lowpass_c
    for times in ([0.0, 3 * tau], np.linspace(0, 3 * tau, 200).tolist()):
        block = made("lowpass")
        found = [block(t, (1e3 * t,)) for t in times][-1]
        assert found == pytest.approx(1e3 * tau * (3 - 1 + math.exp(-3)))


def test_the_coupler_couples_holds_and_limits() -> None:
    """Small signals as the RC coupling passes them; nothing while held, whatever comes; the limit of the contract."""
    small = 1e-4
    block = made("coupler", gain=CONTRACT.coupler_gain / small, vmax=CONTRACT.coupler_limit)
    linear = phasor(lambda t, sensed: block(t, (small**2 * sensed[0], sensed[1])) / small, 9e3, 0.5e-6, -3.3)
    assert linear / CONTRACT.coupler_gain == pytest.approx(complex(coupler_response(9e3)), abs=2e-3)
    block = made("coupler")
    assert [block(t, (v, 3.3)) for t, v in ((0.0, 0.5), (1e-6, -0.9), (2e-6, 0.7))] == [0.0, 0.0, 0.0]
    assert block(3e-6, (0.7, -3.3)) == 0.0  # let go: the capacitor holds what it had
    assert block(3.001e-6, (0.9, -3.3)) == pytest.approx(float(coupler_output(0.2)), rel=1e-3)
    tau = CONTRACT.coupler_r * CONTRACT.coupler_c
    late = [block(3.001e-6 + k * tau / 100, (0.9, -3.3)) for k in range(1, 501)][-1]
    assert late == pytest.approx(float(coupler_output(0.2 * math.exp(-5))), rel=1e-2)


def test_the_integrator_integrates_from_its_start_to_its_limit() -> None:
    block = made("integrator", r=1e6, c=1e-9, start=0.25)
    times = np.linspace(0.0, 1e-3, 301)
    found = [block(t, (0.1 + 50.0 * t,)) for t in times.tolist()]
    assert found[0] == 0.25
    assert found[-1] == pytest.approx(0.25 - (0.1e-3 + 25e-6) / 1e-3)
    assert block(1.0, (-1.0,)) == CONTRACT.integrator_limit
