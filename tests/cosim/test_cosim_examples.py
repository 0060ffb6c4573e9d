"""The examples of co-simulation, against what can be reckoned by hand."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hgesim.experiment import Experiment

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_the_controller_holds_the_output_whatever_the_load(shared_engine):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "pyspice_controller.py"], capture_output=True, text=True, timeout=60, check=True
    )
    rows = {
        float(t): (float(out), float(drive))
        for t, out, drive in re.findall(r"(\S+) ms: out (\S+) V, drive (\S+) V", done.stdout)
    }
    assert len(rows) == 16
    assert rows[1.0] == pytest.approx((2.0, 2.0), abs=2e-3)
    assert rows[2.0] == pytest.approx((2.0, 2.0 + 10 * 50e-3), abs=2e-3)  # the resistor's drop is made up for
    assert rows[3.0] == pytest.approx((2.0, 2.0), abs=2e-3)


def test_heat_is_conserved_and_the_leg_ends_at_its_conductance():
    leg = example("self_heating").Leg(77.0, 1e-9, 1e-11)
    power, step = 30e-9, 1e-3
    for number in range(1, 5):
        before = leg.capacities @ leg.rise
        leg.step(power, step)
        to_bath = 2 * leg.conductance * leg.cells * leg.rise[-1] * step
        assert leg.capacities @ leg.rise - before + to_bath == pytest.approx(power * step, rel=1e-9)
        # nothing has come back yet: at first the island takes it all, C dT = P dt, but for what the leg takes
        assert leg.rise[0] < number * power * step / leg.capacity
    for _ in range(500):
        kelvin = leg.step(power, step)
    assert kelvin - leg.bath == pytest.approx(power / leg.conductance, rel=1e-6)
    # a straight line from the island to the bath, cells in the middle of their share
    middles = (np.arange(leg.cells) + 0.5) / leg.cells
    np.testing.assert_allclose(leg.rise[1:], leg.rise[0] * (1 - middles), rtol=1e-6)


def test_a_network_that_heats_itself(osdi_engine, shared_engine):
    module = example("self_heating")
    settings = ["circuit.technology=ideal", "loop.epochs=1"]
    design = Experiment.from_file(EXAMPLES / "and.toml", settings).design
    leg = module.Leg(design.network.temperature, 2e-8, 2e-10)
    controls, history = module.learn(design, leg)
    ((kelvin, watts),) = history
    # less than if the island had kept all, and not by much after half a time constant
    all_kept = watts * design.loop.timeline.epoch / leg.capacity
    assert 0.6 * all_kept < kelvin - leg.bath < all_kept
    assert np.ptp(controls - np.array(design.loop.start)) > 1e-3
