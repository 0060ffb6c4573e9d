"""A curve of one case, an operating point, from settings to the report: judged in units of the target current."""

from __future__ import annotations

from pathlib import Path

import pytest

from hgesim.engine import Engine
from hgesim.experiment import Experiment

SETTINGS = """
[network]
seed = 3
dopants = 8
electrodes = 5
[task]
kind = "curve"
file = "point.csv"
target = "20 nA"
[loop]
start = [0.1, 0.2, -0.1]
threshold_start = "0.1 V"
epochs = 2
[circuit]
technology = "ideal"
"""


def test_an_operating_point_is_learnt_and_told(tmp_path: Path, osdi_engine: Engine) -> None:
    (tmp_path / "point.csv").write_text("x,target\n1,-1\n")
    (tmp_path / "point.toml").write_text(SETTINGS)
    run = Experiment.from_file(tmp_path / "point.toml").run(tmp_path / "out")
    assert run.verdict == "ok" and run.result["dither"]["curvature"] < 0.1
    end, threshold = run.outputs[0]["final"], run.result["threshold"]
    assert run.result["score"]["final"] == pytest.approx(abs((end - threshold) / 20e-9 + 1))
    assert run.result["score"]["final"] < 0.5 * run.result["score"]["initial"]
    assert "Error over the target current on the 1 case shown" in run.report().read_text()
