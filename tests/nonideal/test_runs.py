"""Whole runs with non-idealities: they start, end, say what was on, and the loop feels them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hgesim.config import load_config, parse_config
from hgesim.engine import Engine
from hgesim.experiment import Experiment, Run, learn
from hgesim.experiment.build import build_design

AND = Path(__file__).parents[2] / "examples" / "and.toml"
QUICK = ["circuit.technology=ideal", "loop.epochs=1"]


def run(folder: Path, *settings: str, others: Sequence[str] = ()) -> Run:
    return learn(AND, folder, overrides=[*QUICK, *others, *(f"nonideal.{setting}" for setting in settings)])


def test_chopped_integrators_with_mismatch_need_no_more_steps(osdi_engine: Engine, tmp_path: Path) -> None:
    """On this chip KLU takes thousands of tiny steps a case, and walks at random."""
    made = run(tmp_path / "run", "mismatch=1", "seed=1", others=["circuit.integrator=gf180_chopped"])
    assert made.verdict == "ok", made.result["message"]
    assert len(made.result["attempts"]) == 1 and made.result["timepoints"] < 1.2 * made.result["simulated_s"] / 2e-6


def test_a_run_says_what_was_on_and_its_settings_repeat_it(osdi_engine: Engine, tmp_path: Path) -> None:
    """Noise, rounding, offsets, damage and a preset at once: the run begins at its start and is valid."""
    settings = ["preset=discrete", "seed=0", "network_noise=3 pA/rtHz", "control_step=4 mV", "broken_bonds=0.02"]
    settings += ["level_drift=1e-6", "level_ageing=1e-3", "amplifier_noise=2e-8", "coupler_slew=8e6"]
    settings += [f"{kind}_bandwidth=1 MHz" for kind in ("readout", "coupler", "integrator")]
    made = run(tmp_path / "run", *settings)
    result = made.result
    assert made.verdict == "ok", result["message"]
    assert result["seeds"]["nonideal"] == 0
    assert result["nonideal"]["control_step"] == 4e-3 and result["nonideal"]["broken_bonds"] == 0.02
    assert result["network_op"]["twin_difference"] < 1e-4
    stored = json.loads((tmp_path / "run" / "config.json").read_text())
    chip = parse_config({"nonideal": stored["nonideal"]}).nonideal
    again = build_design(load_config(AND, QUICK)[0].model_copy(update={"nonideal": chip}))
    assert again.digest == result["design"] and again.nonideal.on == result["nonideal"]


def test_an_integrator_offset_moves_the_controls_at_its_rate(osdi_engine: Engine, tmp_path: Path) -> None:
    """Without dither to speak of nothing is learnt, and an offset moves a control by offset over time constant."""
    chip = ["nonideal.distribution=fixed"]
    offset, small = 0.02, ["loop.dither=1e-7", "loop.threshold_dither=1e-7"]
    waves = [
        learn(AND, tmp_path / str(size), overrides=[*QUICK, *small, *chip, f"nonideal.integrator_offset={size}"])
        for size in (0.0, offset)
    ]
    assert waves[0].result["nonideal"] == {} and "nonideal" not in waves[0].result["seeds"]
    first, second = (made.waveforms() for made in waves)
    loop = Experiment.from_file(AND, QUICK).design.loop
    at = 0.9 * loop.timeline.stop
    constant = loop.settings.slowness * loop.timeline.window + 200e3 * 4e-9  # with the low-pass before it
    for net in ("el_e1", "el_e6"):
        moved = [np.interp(at, waves.time.values, waves[net].values) for waves in (second, first)]
        assert moved[0] - moved[1] == pytest.approx(-offset * at / constant, rel=0.03)


@pytest.mark.slow
def test_gates_are_learnt_with_the_foundrys_mismatch(osdi_engine: Engine, tmp_path: Path) -> None:
    made = learn(AND, tmp_path / "run", overrides=["nonideal.mismatch=1", "nonideal.seed=1"])
    assert made.verdict == "ok" and made.learnt
