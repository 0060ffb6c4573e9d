"""Reports of classes and curves: numbers held against the task, the twin and what the run stored."""

from __future__ import annotations

import dataclasses
import html
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_samples import make_run, put

from hgesim.config import parse_config
from hgesim.errors import RequestError
from hgesim.experiment.build import build_task
from hgesim.loop import Draw, Scales, Task, curve_task, gate_task, ring_task, sphere_task
from hgesim.network import Network
from hgesim.report import figure4, read_record, summary_figure, task_figures, write_report
from hgesim.report.cases import case_title, read_outcome
from hgesim.report.outcome_figure import learning_figure
from hgesim.report.points import operating_points, threshold_currents
from hgesim.report.sphere_figure import plane_figure, sphere_figure
from hgesim.report.style import look, new_figure
from hgesim.report.tables import facts, honesty, settings
from hgesim.report.task_figures import class_panel, curve_panel, end_spans, ends_figure
from hgesim.report.wave_figure import CASES_SHOWN, excerpt_figure
from hgesim.report.words import ordinal, percent, reason, score_value, task_name

LEVEL, OFFSETS = 0.25, (0.04, -0.03, 0.02)


def scales(inputs: int) -> Scales:
    return Scales(level=LEVEL, offsets=OFFSETS[:inputs])


def table_task() -> Task:
    """Return a task as from a CSV table: inputs are 0 and 1 here, which must not be taken for bits."""
    corners = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
    return Task("data", "classes", corners, (0.0, 1.0, 1.0, 0.0), 0.75, scales=scales(2))


TASKS: dict[str, Callable[[], Task]] = {
    "gate": lambda: gate_task("OR", scales(2)),
    "ring": lambda: ring_task(Draw(12, 80, scales=scales(2)), accuracy=0.6),
    "sphere": lambda: sphere_task(Draw(24, 90, scales=scales(3)), accuracy=0.5),
    "curve": lambda: curve_task("sine", Draw(9, 40, scales=scales(1)), error=0.8),
    "table": table_task,
}
PAGES = ("ring", "sphere", "curve")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return one run for each kind of task; read them, do not change them."""
    root = tmp_path_factory.mktemp("tasks")
    return {name: make_run(root / name, points=6000, task=task()) for name, task in TASKS.items()}


@pytest.fixture
def change(runs: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """Return a function that copies a run with other results; None removes a key."""

    def changed(name: str, **changes: object) -> Path:
        folder = Path(shutil.copytree(runs[name], tmp_path / name, dirs_exist_ok=True))
        result = json.loads((folder / "result.json").read_text()) | changes
        put(folder, {key: value for key, value in result.items() if value is not None})
        return folder

    return changed


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build figures, but spare writing them as SVG."""
    monkeypatch.setattr("hgesim.report.frame.svg", lambda figure, name, alt: "<svg></svg>")


def words(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<style.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL)).split())


def page(folder: Path) -> str:
    return words(write_report(folder).read_text(encoding="utf-8"))


def drawn(axes: Any) -> np.ndarray:
    """Return the points of all scatters of a panel, (points, 2)."""
    return np.vstack([scatter.get_offsets() for scatter in axes.collections if len(scatter.get_offsets())])


@pytest.mark.parametrize("name", TASKS)
def test_inputs_are_offset_plus_level(runs: dict[str, Path], name: str) -> None:
    record, task = read_record(runs[name]), TASKS[name]()
    network: Network | None = record.network
    assert network is not None
    for case in range(min(len(task.cases), 4)):
        _, after = operating_points(record, case)
        assert after is not None
        expected = [OFFSETS[k] + LEVEL * x for k, x in enumerate(task.cases[case])]
        np.testing.assert_allclose(after.volts[list(network.inputs)], expected, atol=1e-12)
        stored = record.result["outputs"][case]["final"]
        assert after.currents[network.output] == pytest.approx(stored, rel=1e-5, abs=1e-13)


def test_the_first_threshold_needs_no_last_one(change: Callable[..., Path]) -> None:
    folder = change("curve", threshold=-2e-13)
    config = json.loads((folder / "config.json").read_text())
    config["loop"]["threshold_resistance"] = 2.5e6
    (folder / "config.json").write_text(json.dumps(config))
    assert threshold_currents(read_record(folder)) == pytest.approx((0.0, -2e-13), abs=1e-15)


@pytest.mark.parametrize("name", ["ring", "sphere"])
def test_classes_stand_at_their_distance(runs: dict[str, Path], name: str) -> None:
    record, task = read_record(runs[name]), TASKS[name]()
    with look():
        axes = new_figure(4, 4).subplots()
        class_panel(axes, record, "final")
    rows = record.result["outputs"] + record.result["outputs_held_out"]
    expected = {(round(float(np.hypot.reduce(r["inputs"])), 9), round(1e9 * r["final"], 6)) for r in rows}
    assert axes.get_ylabel() == "output current (nA)"
    assert {(round(x, 9), round(y, 6)) for x, y in drawn(axes)} == expected
    assert len(expected) == len(task.cases) + len(task.test_cases)
    threshold, half = record.result["threshold"], record.config["task"]["target"]
    heights = sorted(float(line.get_ydata()[0]) for line in axes.lines)
    np.testing.assert_allclose(heights, [1e9 * (threshold + k * half) for k in (-1, 0, 1)], rtol=1e-9)


def test_crosses_are_the_cases_that_cost_accuracy(runs: dict[str, Path]) -> None:
    record = read_record(runs["ring"])
    with look():
        figure = plane_figure(record)
    assert figure is not None
    for axes, when in zip((figure.axes[0], figure.axes[2]), ("initial", "final"), strict=True):
        dots, crosses, squares, more = (len(scatter.get_offsets()) for scatter in axes.collections)
        assert (dots, squares) == (80, 12)
        assert 1 - crosses / dots == pytest.approx(record.result["score"][when])
        assert 1 - more / squares == pytest.approx(record.result["score"]["shown"][when])


def test_a_curve_is_held_against_the_function(runs: dict[str, Path]) -> None:
    record = read_record(runs["curve"])
    with look():
        axes = new_figure(4, 4).subplots()
        curve_panel(axes, record, "final")
    half, threshold = record.config["task"]["target"], record.result["threshold"]
    x, y = axes.lines[0].get_data()
    assert len(x) == 49 and np.all(np.diff(x) >= 0)
    unit = {"(nA)": 1e-9, "(pA)": 1e-12}[axes.get_ylabel().split()[-1]]
    np.testing.assert_allclose(np.asarray(y) * unit / half, np.sin(np.pi * np.asarray(x)), atol=1e-9)
    dots = drawn(axes) * [1.0, unit / half]
    deviation = np.sqrt(np.mean((dots[:40, 1] - np.sin(np.pi * dots[:40, 0])) ** 2))
    wanted = np.array([row["target"] for row in record.result["outputs_held_out"]])
    assert deviation / wanted.std() == pytest.approx(record.result["score"]["final"], rel=1e-6)
    first = record.result["outputs_held_out"][0]
    assert tuple(dots[0]) == pytest.approx((first["inputs"][0], (first["final"] - threshold) / half))


def test_classes_of_a_table_stand_in_columns(runs: dict[str, Path]) -> None:
    record = read_record(runs["table"])
    with look():
        axes = new_figure(4, 4).subplots()
        class_panel(axes, record, "initial")
    rows = {round(1e9 * row["initial"], 6): row["target"] for row in record.result["outputs"]}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["class 0", "class 1"]
    assert len(rows) == 4 and all(abs(x - rows[round(y, 6)]) < 0.4 for x, y in drawn(axes))


def test_both_ends_share_an_axis_unless_one_would_vanish(change: Callable[..., Path]) -> None:
    inputs = [{"inputs": [0.1 * k, 0.0], "target": float(k % 2)} for k in range(6)]
    for size, same in ((2.0, True), (0.02, False)):
        rows = [{**case, "initial": k * 1e-8, "final": k * size * 1e-8} for k, case in enumerate(inputs)]
        record = read_record(change("ring", outputs=rows, outputs_held_out=[], threshold=None))
        spans, joint = end_spans(record)
        assert joint == same == (spans["initial"] == spans["final"])
        for when, factor in (("initial", 1.0), ("final", size)):
            assert spans[when][0] <= 0 and spans[when][1] >= 5e-8 * factor
        with look():
            figure = ends_figure(record)
        assert figure is not None
        assert figure.axes[1].get_title("left") == ("after" if same else "after (other scale)")


def test_a_curve_far_away_says_where_it_is(change: Callable[..., Path]) -> None:
    record = read_record(change("curve", threshold=-3e-6))
    with look():
        axes = new_figure(4, 4).subplots()
        curve_panel(axes, record, "final")
    assert any("out of view, below" in text.get_text() for text in axes.texts)
    assert np.ptp(drawn(axes)[:, 1]) > 0.4 * np.ptp(axes.get_ylim())


def test_figure_4_of_the_sphere(runs: dict[str, Path]) -> None:
    record = read_record(runs["sphere"])
    figure = figure4(record)
    cube: Any = next(axes for axes in figure.axes if axes.name == "3d")
    points = cube.collections[0]
    x, y, z = points._offsets3d
    held = record.result["outputs_held_out"]
    assert sorted(zip(x, y, z, strict=True)) == sorted(tuple(row["inputs"]) for row in held)
    above = np.array([row["final"] for row in held]) - record.result["threshold"]
    colours, clear = points._facecolors, np.abs(above) > 0.02 * np.ptp(above)
    assert len(colours) == 90 and clear.sum() > 45
    assert ((colours[:, 2] > colours[:, 0]) == (above > 0))[clear].all()
    assert [text.get_text() for text in figure.texts] == ["b", "c", "d"]
    titles = {axes.get_title("left"): axes for axes in figure.axes}
    loss = titles["loss"].lines[0]
    assert list(loss.get_xdata()) == list(range(1, 31)) and titles["loss"].get_xlabel() == "epoch"
    np.testing.assert_allclose(loss.get_ydata(), record.result["history"]["loss"])
    assert len(figure4(str(runs["sphere"])).axes) == len(figure.axes)


@pytest.mark.parametrize("name", ["gate", "ring", "curve"])
def test_figure_4_is_refused_for_other_tasks(runs: dict[str, Path], name: str) -> None:
    with pytest.raises(RequestError, match=r"report\.no-sphere"):
        figure4(runs[name])


def test_figure_4_needs_a_run(tmp_path: Path, change: Callable[..., Path]) -> None:
    with pytest.raises(RequestError, match=r"report\.no-folder"):
        figure4(tmp_path / "nowhere")
    with pytest.raises(RequestError, match=r"report\.no-sphere"):
        figure4(change("sphere", outputs=None, outputs_held_out=None))


SAID = {
    "gate": ("OR gate", "margin, of the swing", "Separation of the two classes"),
    "ring": ("Classes: ring", "accuracy, 80 held-out cases", "Accuracy on the 80 held-out cases"),
    "sphere": ("Classes: sphere", "accuracy, 24 cases shown", "asked is at least 50 %"),
    "curve": ("Curve: sine", "error, 40 held-out cases", "asked is at most 0.8"),
    "table": ("Classes: data", "accuracy, 4 cases shown", "Accuracy on the 4 cases shown"),
}


@pytest.mark.parametrize("name", TASKS)
def test_what_the_top_says(runs: dict[str, Path], name: str) -> None:
    record = read_record(runs[name])
    title, fact, why = SAID[name]
    top, score = words(facts(record)), record.result["score"]
    assert task_name(record) == title and fact in top and why in " ".join(reason(record))
    ends = " → ".join(score_value(score["name"], score[when]) for when in ("initial", "final"))
    assert ends in top and "(asked: " in top and "among 10 devices and 200 starts" in top
    laboratory = record.result.get("correlation")
    assert (laboratory is None) == (name == "curve") == ("loss of the laboratory" not in top)
    if laboratory:
        assert f"→ {laboratory['final']['loss']:.3g}" in top
    assert ("held-out cases that the loop never saw" in words(honesty(record))) == (name in ("ring", "sphere", "curve"))


def test_shares_are_not_rounded_up_to_the_goal() -> None:
    assert percent(0.896) == "89.6 %" and percent(-0.441) == "−44.1 %" and percent(0.9) == "90 %"
    assert score_value("error", 0.2512) == "0.251" and [ordinal(k) for k in (1, 2, 3, 4, 11, 22, 113)] == [
        "1st", "2nd", "3rd", "4th", "11th", "22nd", "113th",
    ]  # fmt: skip


def attempts(*why: str) -> list[dict[str, Any]]:
    return [{"draw": k, "start": [0.1], "given_up": words} for k, words in enumerate((*why, ""))]


def test_restarts_and_screening_are_told(change: Callable[..., Path]) -> None:
    stuck = "no progress in 15 epochs"
    folder = change("ring", attempts=attempts(stuck, "an output over range", stuck), chosen_from={"starts": 1})
    record = read_record(folder)
    said = words(honesty(record))
    assert "The run is that of the 4th start" in said and f"1st, 3rd: {stuck}; 2nd: an output over range" in said
    assert "Start was chosen among 1 start by the averaged equations on the exact network" in said
    assert "4th; 3 given up" in words(facts(record)) and "3 before it were given up" in " ".join(reason(record))
    plain = read_record(change("ring", attempts=attempts(), chosen_from={}))
    assert not re.search("given up|chosen", words(honesty(plain) + facts(plain)) + " ".join(reason(plain)))


def test_a_start_simulated_again_is_no_other_start(change: Callable[..., Path]) -> None:
    small = "time step too small"
    rows = [{"draw": draw, "start": [0.1], "given_up": why} for draw, why in ((3, small), (3, "stuck"), (7, ""))]
    record = read_record(change("ring", attempts=rows))
    said = words(honesty(record))
    assert "The run is that of the 2nd start. Given up before (1st: stuck)" in said and small not in said
    assert "1 transient in which the simulator gave up was repeated from the same start" in said
    assert "2nd; 1 given up" in words(facts(record)) and "This is the 2nd start" in " ".join(reason(record))
    rows = [{"draw": 0, "start": [0.1], "given_up": why} for why in (small, small, "")]
    record = read_record(change("ring", attempts=rows))
    assert "2 transients in which the simulator gave up were repeated" in words(honesty(record))
    assert not re.search("given up", words(honesty(record) + facts(record)) + " ".join(reason(record)))


def test_starts_that_got_no_transient_are_told(change: Callable[..., Path]) -> None:
    solved, over = "does the task already", "has an output over range"
    passed = [{"draw": draw, "start": [0.1], "why": why} for draw, why in enumerate((solved, over, solved))]
    said = words(honesty(read_record(change("ring", passed_over=passed))))
    assert f"3 more starts were drawn and passed over without a transient (2: {solved}; 1: {over})." in said
    assert "1 more start was drawn and" in words(honesty(read_record(change("ring", passed_over=passed[:1]))))
    assert "passed over" not in words(honesty(read_record(change("ring", passed_over=[]))))


def test_many_restarts_stay_readable(change: Callable[..., Path]) -> None:
    record = read_record(change("ring", attempts=attempts(*[f"reason {k}" for k in range(40)], *["the same"] * 60)))
    said = words(honesty(record))
    assert "and 35 further reasons" in said and "101st start" in said and len(said) < 2500


def test_a_solved_start_is_no_demonstration(change: Callable[..., Path]) -> None:
    for name, first in (("ring", 0.7), ("curve", 0.6)):
        score = json.loads((change(name) / "result.json").read_text())["score"]
        score["shown"]["initial"] = first
        solved = read_record(change(name, score=score, learnt=True))
        assert "no demonstration" in " ".join(reason(solved))
    assert "no demonstration" not in " ".join(reason(read_record(change("ring", learnt=True))))


@pytest.mark.parametrize("name", TASKS)
def test_the_settings_repeat_the_task(runs: dict[str, Path], name: str) -> None:
    import tomllib

    block = re.search(r"<details>.*?<pre>(.*?)</pre>", settings(read_record(runs[name])), re.DOTALL)
    assert block
    data = tomllib.loads(html.unescape(block[1]))
    data.pop("design", None)
    config, task = parse_config(data), TASKS[name]()
    if name == "table":
        assert config.task.kind == "classes" and config.task.model_fields_set >= {"file"}
        lines = ["a,b,target", *(f"{a:g},{b:g},{t:g}" for (a, b), t in zip(task.cases, task.targets, strict=True))]
        (runs[name] / "table.csv").write_text("\n".join(lines))
    half = read_record(runs[name]).config["task"]["target"]
    expected = dataclasses.replace(task, scales=dataclasses.replace(task.scales, target=half))
    again = build_task(config.task, runs[name])
    assert dataclasses.replace(again, name=expected.name, goal=expected.goal) == expected


@pytest.mark.parametrize("name", PAGES)
def test_the_page_of_each_kind(runs: dict[str, Path], name: str) -> None:
    text = write_report(runs[name]).read_text(encoding="utf-8")
    expected = {"ring": 7, "sphere": 7, "curve": 6}[name]
    assert text.count("<figure>") == text.count("</svg>") == expected
    found = re.findall(r' id="([^"]+)"', text)
    assert len(found) == len(set(found)) > 0
    assert "Both output currents agree" in text and "nan" not in words(text).lower().replace("nanoampere", "")
    assert ("figure 4 of Boon" in text) == ("the first 6 of its 24 cases" in text) == (name == "sphere")
    assert "<td>gate</td>" not in text and ("<td>curve</td>" in text) == (name == "curve")


def test_24_cases_stay_readable(runs: dict[str, Path]) -> None:
    record = read_record(runs["sphere"])
    with look():
        figure = excerpt_figure(record)
    assert figure is not None
    line = record.result["timeline"]
    first = figure.axes[0]
    assert np.diff(first.get_xlim()) == pytest.approx(1e3 * CASES_SHOWN * line["case"])
    assert "cases 1 to 6 of 24" in first.get_title("left")
    assert [text.get_text() for text in first.texts] == ["1 → 1", "2 → 0", "3 → 1", "4 → 0", "5 → 1", "6 → 0"]


def test_many_held_out_cases_are_thinned_and_said(
    runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch, undrawn: None
) -> None:
    for module in ("task_figures", "page", "sphere_figure"):
        monkeypatch.setattr(f"hgesim.report.{module}.MOST", 10)
    assert task_figures.MOST == 10
    with look():
        figure = ends_figure(read_record(runs["ring"]))
    assert figure is not None and len(drawn(figure.axes[0])) == 12 + 10
    assert "10 of the 80 held-out cases are drawn" in page(runs["ring"])


@pytest.mark.parametrize(("name", "panels"), [("gate", 2), ("ring", 3), ("curve", 2)])
def test_the_course_shows_the_score(runs: dict[str, Path], name: str, panels: int) -> None:
    record = read_record(runs[name])
    with look():
        figure = learning_figure(record)
    assert figure is not None and len(figure.axes) == 1 + panels
    if name != "gate":
        axes = next(axes for axes in figure.axes if "on the cases shown" in axes.get_title("left"))
        factor = 100 if name == "ring" else 1
        shown, goal = record.result["score"]["shown"], record.result["task"]["goal"]
        y = axes.lines[-1].get_ydata()
        assert (y[0], y[-1]) == pytest.approx((factor * shown["initial"], factor * shown["final"]))
        assert axes.lines[0].get_ydata()[0] == pytest.approx(factor * goal)


@pytest.mark.parametrize("name", TASKS)
def test_the_summary_of_each_kind(runs: dict[str, Path], name: str) -> None:
    figure = summary_figure(str(runs[name]))
    assert len(figure.axes) == 5 and any(task_name(read_record(runs[name])) in t.get_text() for t in figure.texts)


KEYS = [
    "score",
    "outputs",
    "outputs_held_out",
    "attempts",
    "passed_over",
    "chosen_from",
    "threshold",
    "correlation",
    "history",
]


@pytest.mark.parametrize("name", ["sphere", "curve"])
def test_any_key_may_be_missing_or_nonsense(change: Callable[..., Path], name: str) -> None:
    folder = change(name)
    (folder / "waveforms.nc").unlink()
    result = json.loads((folder / "result.json").read_text())
    for key in KEYS:
        for value in ({}, {key: [None, {"inputs": "x"}]}):
            put(folder, {kept: found for kept, found in result.items() if kept != key} | value)
            record = read_record(folder)
            assert task_name(record) in SAID[name]
            said = words(facts(record) + honesty(record)) + " ".join(reason(record))
            assert "nan" not in said.split() and "None" not in said
            with look():
                for figure in (ends_figure, sphere_figure, learning_figure):
                    figure(record)


@pytest.mark.usefixtures("undrawn")
def test_an_invalid_run_never_says_learnt(change: Callable[..., Path]) -> None:
    said = page(change("sphere", verdict="aborted", learnt=True, attempts=attempts("stuck"), message="too small"))
    assert "learnt" not in said.lower() and "2nd start" in said


def test_inputs_of_zero_and_one_are_no_bits(runs: dict[str, Path]) -> None:
    for name, title in (("table", "inputs 0, 1"), ("gate", "inputs 01"), ("curve", "input 0.999")):
        case = {"inputs": [0.999]} if name == "curve" else read_record(runs[name]).result["outputs"][1]
        assert case_title(read_record(runs[name]), case) == title
    many = {"inputs": [0.1, -0.25, 0.5, 0.75]}
    assert case_title(read_record(runs["table"]), many) == "inputs 0.1, −0.25, 0.5, …"


def test_rows_that_are_not_whole_are_passed_over(change: Callable[..., Path]) -> None:
    good = {"inputs": [0.1, 0.2], "target": 1.0, "initial": 1e-9, "final": 2e-9}
    bad = [{**good, "inputs": [0.1]}, {**good, "final": None}, {**good, "target": "1"}, 7]
    outcome = read_outcome(read_record(change("ring", outputs=[good, *bad], outputs_held_out=[good])))
    assert outcome.held.tolist() == [False, True] and outcome.final.tolist() == [2e-9, 2e-9]
