"""The gradient along a run: in the result of every learning run, and measured again from what a folder holds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from quick_settings import AND, QUICK
from typer.testing import CliRunner

from hgesim.blocks.transfer import CONTRACT
from hgesim.cli import app
from hgesim.engine import Engine
from hgesim.errors import HgeError, RequestError
from hgesim.experiment import Experiment, Run, learn, measure_along
from hgesim.experiment.along import stored_loop
from hgesim.experiment.folder import write_json
from hgesim.learning import network_outputs
from hgesim.network import write_network


def test_ideal_blocks_at_a_low_rate_keep_near_the_exact_descent(quick_run: Run) -> None:
    along = quick_run.result["gradient_along"]
    assert along["reason"] == "" and along["of"] == "loss"
    assert along["window"]["of"] == 8 and along["window"]["counted"] >= 4
    angles = np.array(along["history"]["window_angle_deg"]["controls"])[np.array(along["history"]["counted"])]
    assert angles.max() < 20 and max(along["window"]["angle_deg"].values()) < 12
    assert along["epoch"]["downhill"] == along["epoch"]["counted"] == 2
    assert len(along["history"]["move"]) == len(along["history"]["slope"]) == 2


def test_the_first_epoch_lowered_the_loss_as_its_move_and_slope_say(quick_run: Run) -> None:
    """Another way to the same: the loss falls by about move times slope times cosine.

    The history's controls are averages over the epoch's last window, so that about half a window's move is missing.
    """
    loop, network = stored_loop(quick_run)
    history, past = quick_run.result["history"], quick_run.result["gradient_along"]["history"]
    target = loop.task.target * np.array(loop.task.target_levels)
    ends = np.array([loop.start, [track[0] for track in history["controls"].values()]])
    errors = loop.settings.transimpedance * (network_outputs(network, loop.task, ends) - target)
    before, after = (np.clip(errors, -CONTRACT.readout_limit, CONTRACT.readout_limit) ** 2).mean(axis=1)
    expected = past["move"][0] * past["slope"][0] * np.cos(np.radians(past["epoch_angle_deg"]["controls"][0]))
    assert 0.6 * expected < before - after < 1.2 * expected


def test_stored_and_measured_again_agree(quick_run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(quick_run.folder, folder)
    result = json.loads((folder / "result.json").read_text())
    kept = result.pop("gradient_along")
    write_json(result, folder / "result.json")
    done = CliRunner().invoke(app, ["gradient", "--along", str(folder)])
    assert done.exit_code == 0, done.output
    window = kept["window"]
    assert f"descent: {window['angle_deg']['controls']:.1f} deg over {window['counted']} of 8" in done.output
    again = Run.load(folder).result
    assert {key: value for key, value in again.items() if key != "gradient_along"} == result
    found = again["gradient_along"]
    assert found["history"]["counted"] == kept["history"]["counted"]
    for part in ("controls", "channels"):  # the waveforms are stored in single precision
        np.testing.assert_allclose(
            found["history"]["window_angle_deg"][part], kept["history"]["window_angle_deg"][part], atol=0.05
        )
    assert "Against the exact gradient" in (folder / "report.html").read_text()


def test_rate_zero_has_no_angle(tmp_path: Path, osdi_engine: Engine) -> None:
    run = learn(AND, tmp_path / "still", overrides=[*QUICK, "loop.epochs=1", "loop.rate=0"])
    along = run.result["gradient_along"]
    assert along["window"]["counted"] == along["epoch"]["counted"] == 0
    assert along["window"]["angle_deg"] == along["epoch"]["angle_deg"] == {"controls": None, "channels": None}
    assert "loop.rate is 0" in along["reason"]
    assert along["history"]["move"][0] < 0.05 * run.result["dither"]["amplitude"]
    assert measure_along(run.folder).result["gradient_along"]["reason"] == along["reason"]


def test_a_gradient_that_cannot_be_found_does_not_spoil_a_run(
    tmp_path: Path, osdi_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsolved(*_: object) -> dict[str, object]:
        raise HgeError("network.no-convergence", "site 3")

    monkeypatch.setattr("hgesim.experiment.attempt.along_figures", unsolved)
    run = learn(AND, tmp_path / "run", overrides=[*QUICK, "loop.epochs=1"])
    assert run.verdict == "ok" and run.outputs and "site 3" in run.result["gradient_along"]["reason"]


CURVE = ["task.kind=curve", "task.curve=square", "task.training=5", "task.test=3"]


@pytest.mark.parametrize("settings", [[], ["loop.loss=hinge", "loop.beats=2"], CURVE, "file"])
def test_the_loop_is_that_which_ran(tmp_path: Path, settings: list[str] | str) -> None:
    if settings == "file":
        (tmp_path / "data.csv").write_text("a,b,target\n-0.5,0.3,0\n0.1,-1,1\n0.7,0.2,1\n")
        settings = ["task.kind=classes", f"task.file={tmp_path / 'data.csv'}"]
    text = AND.read_text().replace('gate = "AND"', "") if settings and "task.kind" in settings[0] else AND.read_text()
    (tmp_path / "config.toml").write_text(text)
    design = Experiment.from_file(tmp_path / "config.toml", settings).design
    task, config = design.loop.task, Experiment.from_file(tmp_path / "config.toml", settings).config
    folder = tmp_path / "run"
    folder.mkdir()
    write_json({**config.model_dump(mode="json"), "design": design.digest}, folder / "config.json")
    write_network(design.network, folder / "network.json")
    start = [0.1 * k for k in range(len(design.loop.start))]  # a restart's
    rows = [{"inputs": list(i), "target": t} for i, t in zip(task.shown_cases, task.targets, strict=True)]
    told = {"kind": task.kind, "name": task.name, "goal": task.goal}
    result = {"verdict": "ok", "task": told, "outputs": rows, "attempts": [{"start": [0.0]}, {"start": start}]}
    write_json(result, folder / "result.json")
    loop, network = stored_loop(Run.load(folder))
    assert network == design.network and loop.start == tuple(start)
    assert (loop.plan, loop.timeline, loop.settings) == (design.loop.plan, design.loop.timeline, design.loop.settings)
    assert (loop.task.cases, loop.task.targets, loop.task.kind) == (task.cases, task.targets, task.kind)
    assert loop.task.input_levels == task.input_levels and loop.task.target == task.target


def test_what_is_no_finished_learning_run_is_refused(tmp_path: Path, quick_run: Run) -> None:
    with pytest.raises(RequestError, match=r"run\.no-result"):
        measure_along(tmp_path)
    folder = tmp_path / "run"

    def broken(code: str, **changes: object) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(quick_run.folder, folder)
        result = {**quick_run.result, **changes}
        write_json({key: value for key, value in result.items() if value is not None}, folder / "result.json")
        for name in ("waveforms.nc", "config.json"):
            if name.split(".")[0] in code:
                (folder / name).unlink()
        with pytest.raises(RequestError) as caught:
            measure_along(folder)
        assert caught.value.code == code and caught.value.remedy

    broken("run.not-valid", verdict="aborted")
    broken("run.no-waveforms")
    broken("run.incomplete", outputs=None)
    broken("run.incomplete", attempts=[])
    for text in (None, "no json", "[]", json.dumps({"loop": 3})):
        (folder / "result.json").write_text((quick_run.folder / "result.json").read_text())
        (folder / "config.json").unlink(missing_ok=True)
        if text is not None:
            (folder / "config.json").write_text(text)
        with pytest.raises(RequestError, match=r"run\.no-settings|config\.bad-value"):
            measure_along(folder)
