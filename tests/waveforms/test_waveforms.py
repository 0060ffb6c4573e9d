"""Averages and energies against finer grids and formulas; files that give back what was put in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hgesim.engine import RawData, row_blocks
from hgesim.waveforms import Stretch, load_waveforms, save_stretches, save_waveforms, supply_energies, window_means

FloatArray = NDArray[np.float64]


def unequal_times(count: int = 200) -> FloatArray:
    """Steps from 1e-6 to 1 of the longest, as an engine's are."""
    random = np.random.default_rng(4)
    steps = 10.0 ** random.uniform(-6, 0, count - 1)
    return np.concatenate([[0.0], np.cumsum(steps)]) + 0.5


def refined_mean(time: FloatArray, values: FloatArray, window: tuple[float, float]) -> float:
    """Trapezoids on a grid that holds the window's ends, all points and many in between: exact for straight lines."""
    inner = time[(time > window[0]) & (time < window[1])]
    grid = np.unique(np.concatenate([inner, np.linspace(*window, 1001)]))
    at = np.interp(grid, time, values)
    return float(np.sum((at[1:] + at[:-1]) / 2 * np.diff(grid)) / (window[1] - window[0]))


def test_means_are_exact_for_straight_lines() -> None:
    time = unequal_times()
    random = np.random.default_rng(5)
    values = random.normal(size=(len(time), 3))
    spans = np.sort(random.uniform(time[0], time[-1], (40, 2)), axis=1)
    edges = [
        [time[0], time[-1]],
        [time[0], time[1]],
        [time[-2], time[-1]],
        [time[3], time[9]],
        [time[5], time[5] + 1e-9],
    ]
    windows = np.concatenate([spans, edges])
    found = window_means(time, values, windows)
    assert found.shape == (len(windows), 3)
    for row, window in zip(found, windows, strict=True):
        expected = [refined_mean(time, column, tuple(window)) for column in values.T]
        assert row == pytest.approx(expected, rel=1e-7, abs=1e-7)


def test_shapes() -> None:
    time = np.linspace(0, 1, 11)
    windows = np.array([[[0.0, 0.5], [0.5, 1.0]], [[0.1, 0.2], [0.3, 0.9]], [[0.0, 1.0], [0.25, 0.26]]])
    assert window_means(time, time, windows).shape == (3, 2)
    assert window_means(time, np.stack([time, 2 * time], axis=1), windows).shape == (3, 2, 2)
    assert window_means(time, time, [0.2, 0.4]).shape == ()
    assert window_means(time, time, windows) == pytest.approx(windows.mean(axis=-1))
    assert window_means(time, np.stack([time, 2 * time], axis=1), windows)[..., 1] == pytest.approx(
        2 * windows.mean(axis=-1)
    )


def test_a_window_of_whole_periods_averages_a_sine_away() -> None:
    random = np.random.default_rng(6)
    time = np.sort(np.concatenate([[0.0, 2.0], random.uniform(0, 2, 40000)]))
    values = 0.3 + np.sin(2 * np.pi * 5 * time)
    assert window_means(time, values, [[0.33, 1.33], [0.0, 2.0]]) == pytest.approx([0.3, 0.3], abs=1e-4)
    assert abs(window_means(time, values, [0.0, 0.1]) - 0.3) > 0.5


def test_a_long_record_loses_no_digits() -> None:
    """The mean of a late short window is not the difference of two large numbers gone wrong."""
    time = np.linspace(0.0, 1.0, 1_000_001)
    values = np.where(time < 0.999, 1e3, 1e-3)
    assert window_means(time, values, [0.9995, 0.9996]) == pytest.approx(1e-3, abs=1e-10 * 1e3)


def energy(time: FloatArray, current: FloatArray, voltage: float) -> float:
    rows = np.column_stack([time, np.zeros_like(time), current])
    found = RawData(("time", "v(out)", "i(vp)"), ("time", "voltage", "current"), rows, complete=True)
    return supply_energies(found, {"Vp": voltage})["Vp"]


def test_energy_of_a_supply() -> None:
    """SPICE counts current into the positive end: a source that delivers has a negative one."""
    time = np.sort(np.concatenate([[0.0, 1e-3], np.random.default_rng(1).uniform(0, 1e-3, 20000)]))
    assert energy(time, np.full_like(time, -2e-3), 1.65) == pytest.approx(1.65 * 2e-3 * 1e-3, rel=1e-12)
    assert energy(time, np.full_like(time, 2e-3), -1.65) == pytest.approx(1.65 * 2e-3 * 1e-3, rel=1e-12)
    assert energy(time, np.full_like(time, 2e-3), 1.65) < 0
    ramp = -1e-3 * (time / 1e-3)
    assert energy(time, ramp, 5.0) == pytest.approx(5.0 * 1e-3 * 1e-3 / 2, rel=1e-12)
    wave = -1e-3 * np.sin(np.pi * time / 1e-3)
    assert energy(time, wave, 1.0) == pytest.approx(1e-3 * 1e-3 * 2 / np.pi, rel=1e-6)


def test_energies_of_a_run_longer_than_a_block() -> None:
    """Between blocks nothing is lost: a constant current over the whole time, and one that rises with it."""
    time = np.linspace(0.0, 2.0, 1_000_001)
    rows = np.column_stack([time, np.full_like(time, -1e-3), -1e-3 * time])
    found = RawData(("time", "i(va)", "i(vb)"), ("time", "current", "current"), rows, complete=True)
    assert len(list(row_blocks(rows))) > 1
    assert supply_energies(found, {"va": 2.0, "vb": -1.0}) == pytest.approx({"va": 4e-3, "vb": -2e-3}, rel=1e-12)


def raw() -> RawData:
    time = unequal_times(50)
    columns = [time, np.sin(time), -1e-3 * np.cos(time), np.full(50, 0.25)]
    return RawData(
        ("time", "v(err)", "i(v_vp_mixer)", "v(el_e1)"),
        ("time", "voltage", "current", "voltage"),
        np.column_stack(columns),
        complete=True,
    )


def test_files_have_units_and_meanings(tmp_path: Path) -> None:
    data = load_waveforms(save_waveforms(raw(), tmp_path / "w.nc", {"err": "error", "el_e1": "control e1"}))
    assert set(data.data_vars) == {"err", "i(v_vp_mixer)", "el_e1"}
    assert [data[name].attrs["units"] for name in ("time", "err", "i(v_vp_mixer)", "el_e1")] == ["s", "V", "A", "V"]
    assert [data[name].attrs["long_name"] for name in ("time", "err", "i(v_vp_mixer)", "el_e1")] == [
        "simulated time",
        "error",
        "i(v_vp_mixer)",
        "control e1",
    ]
    assert data["time"].dtype == np.float64 and data["err"].dtype == np.float32
    assert data["time"].values.tolist() == raw().values[:, 0].tolist()
    assert data["err"].values == pytest.approx(np.sin(raw().values[:, 0]), rel=1e-6, abs=1e-7)
    assert data["i(v_vp_mixer)"].values == pytest.approx(-1e-3 * np.cos(raw().values[:, 0]), rel=1e-6)


def test_a_file_is_replaced(tmp_path: Path) -> None:
    save_waveforms(raw(), tmp_path / "waveforms.nc", {"err": "error"})
    load_waveforms(tmp_path / "waveforms.nc")  # closed, so it can be replaced
    save_waveforms(raw(), tmp_path / "waveforms.nc")
    assert load_waveforms(tmp_path / "waveforms.nc")["err"].attrs["long_name"] == "err"


def test_a_long_run_is_stored_whole(tmp_path: Path) -> None:
    """More rows than a block holds come back in order."""
    rows = np.column_stack([np.arange(1_500_000.0), np.arange(1_500_000.0) % 1000])
    assert len(list(row_blocks(rows))) > 1
    found = RawData(("time", "v(a)"), ("time", "voltage"), rows, complete=True)
    again = load_waveforms(save_waveforms(found, tmp_path / "w.nc"))
    np.testing.assert_array_equal(again["time"].values, rows[:, 0])
    np.testing.assert_array_equal(again["a"].values, rows[:, 1])


def test_stretches_stand_one_behind_the_other(tmp_path: Path) -> None:
    """Each at its time, rows beyond those that count left out; a stretch without any takes no place."""
    rows = np.column_stack([[0.0, 1.0, 2.5], [4.0, 5.0, 6.0]])
    one = RawData(("time", "v(a)"), ("time", "voltage"), rows, complete=True)
    stretches = [Stretch(one, 0.0, 2), Stretch(one, 5.0, 0), Stretch(one, 7.0, 3)]
    found = load_waveforms(save_stretches(stretches, tmp_path / "w.nc", {"a": "first"}))
    assert found["time"].values.tolist() == [0.0, 1.0, 7.0, 8.0, 9.5]
    assert found["a"].values.tolist() == [4.0, 5.0, 4.0, 5.0, 6.0] and found["a"].attrs["long_name"] == "first"


def test_a_torso_is_kept(tmp_path: Path) -> None:
    empty = RawData(("time", "v(err)"), ("time", "voltage"), np.zeros((0, 2)), complete=False)
    assert load_waveforms(save_waveforms(empty, tmp_path / "w.nc")).sizes == {"time": 0}
