"""The page of a gradient measurement, from stored files alone: whole, broken, hostile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hgesim.report import read_record, write_report
from hgesim.report.gradient_figure import parts_figure, readings_figure, scatter_figure, table_of

PARTS = (("readout", "read-out", 0.0), ("mixer", "mixer", 1e-3), ("curvature", "dither curvature", 0.05))


def result(**changes: Any) -> dict[str, Any]:
    """Two quantities at four points, one of which does not count; measured 1 % above the exact one."""
    random = np.random.default_rng(1)
    rows = []
    for of, size, unit in (("output", 1e-6, "A/V"), ("loss", 1e-2, "V^2/V")):
        for point in range(4):
            exact = size * random.standard_normal(2)
            values = {name: (f * exact).tolist() for name, f in (("exact", 1), ("dithered", 1.01), ("measured", 1.02))}
            rows.append({"of": of, "unit": unit, "point": point, **values, "counted": point < 3})
    row = {"points": 3, "angle_deg": 0.25, "relative_error": 0.003, "worst_angle_deg": 1.0, "worst_relative_error": 0.1}
    row |= {"control_angle_deg": [0.1, 0.2], "control_relative_error": [0.01, 0.02]}
    pairs = (("measured", "dithered"), ("measured", "exact"))
    summary = {
        "transimpedance": 2e4,
        "standard": 2e-7,
        "difference_step": 3e-4,
        "comparisons": [{"of": one, "against": other, **row} for one, other in pairs],
        "parts": [
            {"part": part, "name": name, "points": 3, "angle_deg": 10 * size, "relative_error": size, "how": "so"}
            for part, name, size in PARTS
        ],
    }
    squarer = {"part": "loss", "name": "squarer", "points": 3, "angle_deg": 0.1, "relative_error": 1e-3, "how": "so"}
    with_squarer = {**summary, "parts": [summary["parts"][0], squarer, *summary["parts"][1:]]}
    return {
        "command": "gradient",
        "verdict": "ok",
        "controls": ["a", "b"],
        "gradient": rows,
        "summary": {"output": {"unit": "A/V", **summary}, "loss": {"unit": "V^2/V", **with_squarer}},
        "dither": {"amplitude": 0.01, "thermal_voltage": 0.0066},
        **changes,
    }


def store(folder: Path, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "result.json").write_text(json.dumps(result(**changes)))
    config = {"loop": {"dither": 0.01}, "sampling": {"points": 4, "seed": 0, "parts": 3}, "design": "x"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_the_page_tells_everything(tmp_path: Path) -> None:
    page = write_report(store(tmp_path / "run")).read_text()
    assert "to 0.25° and 0.3 % (medians of 3 operating points" in page and 'class="verdict good"' in page
    for words in ("Where the errors come from", "dither curvature", "20 kOhm", "--points 4 --seed 0 --parts 3"):
        assert words in page, words
    assert write_report(tmp_path / "run").read_text() == page


def test_a_square_reference_is_told(tmp_path: Path) -> None:
    words = "The mixers are switched by square waves of 400 mV."
    for shape in ("sine", "square"):
        plan = {"reference": {"shape": shape, "amplitude": 0.4, "phase": "auto"}}
        assert (words in write_report(store(tmp_path / shape, plan=plan)).read_text()) == (shape == "square")


def test_only_points_that_count_are_drawn(tmp_path: Path) -> None:
    record = read_record(store(tmp_path / "run"))
    assert table_of(record, "loss", "exact").shape == (3, 2)
    figure = scatter_figure(record)
    assert figure is not None
    upper = figure.axes[0]
    drawn = [line for line in upper.lines if line.get_marker() not in ("None", None)]
    assert [len(line.get_xdata()) for line in drawn] == [3, 3]
    exact = table_of(record, "output", "exact")
    assert np.asarray(drawn[0].get_xdata()) == pytest.approx(exact[:, 0] / 1e-9)
    assert np.asarray(drawn[0].get_ydata()) == pytest.approx(1.02 * exact[:, 0] / 1e-9)


def test_parts_stand_in_the_order_of_the_signal(tmp_path: Path) -> None:
    figure = parts_figure(read_record(store(tmp_path / "run")))
    assert figure is not None
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert labels == ["read-out", "squarer", "mixer", "dither curvature"]


def test_a_poor_measurement_is_not_called_good(tmp_path: Path) -> None:
    poor = result()["summary"]
    for row in poor["output"]["comparisons"]:
        row["angle_deg"] = 1.5
    assert 'class="verdict open"' in write_report(store(tmp_path / "run", summary=poor)).read_text()


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "timeout", "summary": {}, "gradient": [], "message": "output: time is up"},
        {"summary": None, "gradient": None, "controls": None},
        {"gradient": [{"of": "output", "counted": True, "exact": [1.0], "measured": "x"}], "summary": {"output": 3}},
        {"controls": ["<script>", "$x_1$"], "message": "<script>"},
    ],
)
def test_broken_and_hostile_records_make_a_page(tmp_path: Path, changes: dict[str, Any]) -> None:
    page = write_report(store(tmp_path / "run", **changes)).read_text()
    assert "<script>" not in page and "gradient" in page
    if changes.get("verdict") == "timeout":
        assert "Not a valid simulation" in page and "time is up" in page


def test_a_killed_measurement_is_told_from_a_learning_run(tmp_path: Path) -> None:
    folder = store(tmp_path / "run")
    (folder / "result.json").unlink()
    page = write_report(folder).read_text()
    assert "A gradient measured by the analog loop" in page and "There is no result" in page
    assert scatter_figure(read_record(folder)) is None and readings_figure(read_record(folder)) is None
