"""The angle along a run, on the page: drawn where it counts, said in words, never for a run that does not count."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_samples import EPOCHS

from hgesim.report import read_record, write_report
from hgesim.report.along_figure import along_figure, along_sentence
from hgesim.report.style import look
from hgesim.report.tables import escape

WINDOWS = np.round(np.random.default_rng(5).uniform(3, 20, (EPOCHS, 4)), 2).tolist()
ALONG: dict[str, Any] = {
    "of": "loss",
    "reason": "",
    "window": {"counted": 3 * EPOCHS, "of": 4 * EPOCHS, "angle_deg": {"controls": 8.61, "channels": 9.0}},
    "epoch": {
        "counted": EPOCHS,
        "of": EPOCHS,
        "downhill": EPOCHS - 1,
        "angle_deg": {"controls": 41.2, "channels": 44.0},
    },
    "history": {
        "window_angle_deg": {"controls": WINDOWS},
        "counted": [[True, True, False, True]] * EPOCHS,
        "epoch_angle_deg": {"controls": [*np.linspace(20, 100, EPOCHS - 1), None]},
    },
}


def changed(**parts: object) -> dict[str, Any]:
    along = copy.deepcopy(ALONG)
    for key, value in parts.items():
        if key in along["history"]:
            along["history"][key] = value
        else:
            along[key] = value
    return along


def test_what_is_drawn(changed_run: Callable[..., Path]) -> None:
    record = read_record(changed_run(gradient_along=ALONG))
    with look():
        figure = along_figure(record)
    assert figure is not None
    (axes,) = figure.axes
    counted, left_out = (np.asarray(dots.get_offsets()) for dots in axes.collections)
    windows = np.array(WINDOWS)
    np.testing.assert_allclose(np.sort(counted[:, 1]), np.sort(windows[:, [0, 1, 3]].ravel()))
    np.testing.assert_allclose(left_out[:, 1], windows[:, 2])
    line = record.result["timeline"]
    middle = line["epoch"] + 2 * line["case"] + line["ramp"] + line["settle"] + line["window"] / 2
    assert left_out[1, 0] == pytest.approx(1e3 * middle)
    epochs = next(track for track in axes.lines if len(np.atleast_1d(track.get_xdata())) == EPOCHS)
    np.testing.assert_allclose(epochs.get_xdata(), 1e3 * line["epoch"] * (np.arange(EPOCHS) + 0.5))
    assert axes.get_ylabel() == "angle (°)" and axes.get_ylim() == (0, 180)


def test_what_is_said(changed_run: Callable[..., Path]) -> None:
    folder = changed_run(gradient_along=ALONG)
    said = along_sentence(read_record(folder))
    assert f"{3 * EPOCHS} of {4 * EPOCHS} windows" in said and "8.6°" in said
    assert "41°" in said and f"{EPOCHS - 1} of {EPOCHS} epochs lead downhill" in said
    page = write_report(folder).read_text()
    assert "Against the exact gradient" in page and escape(said) in page and 'id="along-' in page


def test_a_reason_instead_of_a_figure(changed_run: Callable[..., Path]) -> None:
    along = changed(reason="the integrators are not driven: loop.rate is 0", counted=[[False] * 4] * EPOCHS)
    folder = changed_run(gradient_along=along)
    assert along_figure(read_record(folder)) is None
    assert "loop.rate is 0" in along_sentence(read_record(folder))


@pytest.mark.parametrize(
    "changes",
    [{"gradient_along": None}, {"gradient_along": ALONG, "verdict": "aborted"}, {"gradient_along": 3}],
)
def test_no_figure_no_word(changed_run: Callable[..., Path], changes: dict[str, Any]) -> None:
    folder = changed_run(**changes)
    assert along_figure(read_record(folder)) is None and along_sentence(read_record(folder)) == ""


@pytest.mark.parametrize(
    "broken",
    [
        changed(window_angle_deg={"controls": [[1.0, 2.0], [3.0]]}),
        changed(window_angle_deg={"controls": "no"}),
        changed(counted=[[True]] * EPOCHS),
        changed(history=[]),
        changed(window_angle_deg={"controls": [[1.0] * 3] * EPOCHS}, counted=[[True] * 3] * EPOCHS),
    ],
)
def test_broken_figures_are_not_drawn(changed_run: Callable[..., Path], broken: dict[str, Any]) -> None:
    record = read_record(changed_run(gradient_along=broken))
    assert along_figure(record) is None
    assert "8.6°" in along_sentence(record)  # the medians are whole
