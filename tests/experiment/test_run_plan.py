"""The plan of a run: its figures follow from settings and device, its advice mends what it complains of."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from quick_settings import AND

from hgesim.engine import Engine
from hgesim.errors import RequestError
from hgesim.experiment import Experiment, RunPlan, plan_run


def planned(*overrides: str, **options: Any) -> RunPlan:
    experiment = Experiment.from_file(AND, overrides)
    return plan_run(experiment.design, experiment.config, **options)


def advised(plan: RunPlan, key: str) -> bool:
    return any(key in line for line in plan.advice)


def test_figures_are_those_of_the_design() -> None:
    plan, design = planned(), Experiment.from_file(AND).design
    figures, line = plan.figures, design.loop.timeline
    assert [one["carrier"] for one in figures["channels"]] == list(design.loop.plan.carriers)
    assert sum(one["third_order_hits"] for one in figures["channels"]) == design.loop.plan.hits
    assert figures["times"] == pytest.approx({"window": 1e-3, "case": 1.15e-3, "epoch": 4.6e-3, "run": line.stop})
    assert figures["points"] == pytest.approx(line.stop / design.loop.plan.step, abs=1)
    assert figures["errors"]["leakage"] < 1e-9 < figures["errors"]["leakage_low_pass"]
    corner = 1 / (2 * np.pi * 1e6 * 100e-12)  # of the coupler's RC: in phase, a high-pass passes 1/(1 + (fc/f)^2)
    for one in figures["channels"]:
        assert one["in_phase_share"] == pytest.approx(1 / (1 + (corner / one["carrier"]) ** 2), rel=1e-9)
    for word in ("base 1 kHz", "threshold", "164 transistors", "noise of 1e-23"):
        assert word in str(plan)


def test_errors_scale_as_they_must() -> None:
    """Noise falls with dither and window, curvature grows with the square of the dither."""
    one = planned("loop.dither=5 mV").figures["errors"]
    two = planned("loop.dither=10 mV", "loop.beats=4").figures["errors"]
    assert two["noise"] == pytest.approx(one["noise"] / 4, rel=1e-9)
    assert two["curvature"] == pytest.approx(4 * one["curvature"], rel=0.35)
    assert planned(noise=4e-23).figures["errors"]["noise"] == pytest.approx(
        2 * planned().figures["errors"]["noise"], rel=1e-9
    )
    assert planned(noise=0).figures["errors"]["noise"] == 0


def test_advice_comes_and_goes() -> None:
    plain = planned()
    for key, *overrides in (
        ("loop.settle", "loop.settle=5 us"),
        ("loop.slowness", "loop.slowness=2"),
        ("loop.base", "loop.base=200"),
        ("loop.carriers", "loop.carriers=[9000, 11000, 13000, 15000, 17000, 19000]"),
        ("steps_per_cycle", "engine.steps_per_cycle=60"),
        ("loop.dither", "loop.dither=30 mV"),
    ):
        assert advised(planned(*overrides), key) and not advised(plain, key), key
    noisy = planned(noise=1e-20)
    (line,) = [line for line in noisy.advice if "loop.beats" in line]
    beats = line.partition("=")[2].partition(":")[0].strip()
    assert planned(f"loop.beats={beats}", noise=1e-20).figures["errors"]["noise"] <= 0.0501


def test_the_references_are_planned() -> None:
    """Phases that the blocks ask for, what a trim makes of the in-phase share, and the harmonics that are heard."""
    slow = ["loop.base=200", "circuit.technology=ideal"]
    plain, trimmed = planned(*slow), planned(*slow, "loop.reference_phase=auto")
    for one, other in zip(plain.figures["channels"], trimmed.figures["channels"], strict=True):
        lead = np.degrees(np.arctan(1 / (2 * np.pi * 1e-4 * one["carrier"])))
        assert (one["reference_lag_deg"], one["nominal_lag_deg"]) == (0.0, pytest.approx(-lead))
        assert other["reference_lag_deg"] == pytest.approx(-lead)
        assert other["in_phase_share"] == pytest.approx(np.cos(np.radians(lead)))
        assert one["in_phase_share"] == pytest.approx(np.cos(np.radians(lead)) ** 2)
    assert advised(plain, "loop.reference_phase") and not advised(trimmed, "loop.reference_phase")
    assert not advised(planned(), "loop.reference_phase")
    heard = [
        planned(f"loop.reference={volt}", f"loop.reference_shape={shape}", "loop.dither=40 mV").figures["errors"]
        for volt, shape in ((0.3, "sine"), (1.5, "square"))
    ]
    soft, hard = (errors["harmonics"] for errors in heard)
    assert hard / soft == pytest.approx((1 / 3) / 0.1986, rel=0.15)  # the third leads
    assert "harmonics that a sine reference hears" in str(trimmed)


def test_what_is_advised_is_better() -> None:
    bad = planned("loop.dither=30 mV")
    (line,) = [line for line in bad.advice if "loop.dither" in line]
    good = planned(line.partition(":")[0].replace(" = ", "="))

    def total(plan: RunPlan) -> float:
        return float(np.hypot(plan.figures["errors"]["noise"], plan.figures["errors"]["curvature"]))

    assert total(good) < total(bad) / 1.5 and not advised(good, "loop.dither")


def test_the_command(osdi_engine: Engine) -> None:
    words = [sys.executable, "-m", "hgesim.cli", "plan", str(AND), "--set", "circuit.technology=ideal"]
    done = subprocess.run([*words, "--json", "--time"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["times"]["wall"] > 0 and isinstance(figures["advice"], list)
    done = subprocess.run([*words, "--noise", "much"], capture_output=True, text=True)
    assert done.returncode == 2 and "[units.bad-value] noise" in done.stderr and done.stderr.count("\n") == 1
    with pytest.raises(RequestError, match="noise"):
        planned(noise=-1.0)
