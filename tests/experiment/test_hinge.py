"""The squared hinge in the whole loop: cases on the right side of their target move nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from quick_settings import AND, QUICK

from hgesim.engine import Engine
from hgesim.errors import RequestError
from hgesim.experiment import Experiment, Run, learn


def silence(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Return, per case shown: whether it was right in its whole window, and the greatest mixer input in volt."""
    waves, line = run.waveforms(), run.result["timeline"]
    time = waves["time"].values
    error, target = waves["err"].values, waves["target"].values
    drive = np.abs(waves["drivep"].values - waves["driven"].values)
    right, loudest = [], []
    for case in range(line["cases"] * line["epochs"]):
        end = (case + 1) * line["case"]
        window = (time > end - 0.9 * line["window"]) & (time < end - 1e-6)
        right.append(bool(np.all(error[window] * np.sign(target[window]) < -5e-3)))
        loudest.append(float(drive[window].max()))
    return np.array(right), np.array(loudest)


@pytest.mark.parametrize("technology", ["ideal", "gf180"])
def test_cases_on_the_right_side_are_silent(tmp_path: Path, osdi_engine: Engine, technology: str) -> None:
    overrides = [*QUICK, "loop.loss=hinge", f"circuit.hinge={technology}"]
    run = learn(AND, tmp_path / "hinge", overrides=overrides)
    assert run.verdict == "ok", run.result["message"]
    assert run.result["technology"]["hinge"] == technology
    right, loudest = silence(run)
    assert right.any() and not right.all()
    assert loudest[right].max() < 5e-3
    assert loudest[~right].min() > 20 * 5e-3
    counted = np.array(run.result["gradient_along"]["history"]["counted"]).ravel()
    assert counted.any() and not counted[right].any()  # no gradient behind a closed gate
    if technology == "gf180":  # 0.235 mA between +-1.65 V
        used = run.result["energy_j"]["per_block"]["hinge"]
        assert used == pytest.approx(0.235e-3 * 3.3 * run.result["simulated_s"], rel=0.1)
    plain = learn(AND, tmp_path / "mse", overrides=QUICK)
    assert "hinge" not in plain.result["technology"] and "hinge" not in plain.result["energy_j"]["per_block"]
    right, loudest = silence(plain)
    assert right.any() and loudest[right].min() > 5e-3


def test_a_hinge_that_the_loss_does_not_need_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        Experiment.from_file(AND, ["circuit.hinge=ideal"])
    assert (caught.value.code, caught.value.place) == ("config.conflict", "circuit.hinge")
