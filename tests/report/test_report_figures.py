"""Figures: what they are drawn from, held against numbers known beforehand."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from report_samples import make_run, outputs, put

from hgesim.network import dopant_disc, lattice
from hgesim.report import summary_figure, write_report
from hgesim.report.loop_figure import loop_figure, technologies
from hgesim.report.network_figure import positions
from hgesim.report.outcome_figure import learning_figure, outputs_figure
from hgesim.report.points import operating_points, target_levels, threshold_currents
from hgesim.report.record import read_record
from hgesim.report.style import DARK, LIGHT, look, name_lines, new_figure, svg, thin
from hgesim.report.waves import Carrier, Timeline, beat, spectrum
from hgesim.report.words import VERDICTS, amount, axis_scale, headline, signed, whole


def test_points_are_those_of_start_and_end(good_run: Path) -> None:
    record = read_record(good_run)
    assert record.network is not None
    stored = record.result["outputs"]
    for case in range(4):
        before, after = operating_points(record, case)
        assert before is not None and after is not None
        assert before.currents[record.network.output] == pytest.approx(stored[case]["initial"], rel=1e-6)
        assert after.currents[record.network.output] == pytest.approx(stored[case]["final"], rel=1e-6)
        assert after.occupation is not None and after.occupation.min() >= 0 and after.occupation.max() <= 1


def test_start_is_not_the_end_of_the_first_epoch(good_run: Path) -> None:
    record = read_record(good_run)
    assert record.network is not None
    before, _ = operating_points(record, 0)
    assert before is not None
    first = np.array([track[0] for track in record.result["history"]["controls"].values()])
    assert np.abs(before.volts[list(record.network.controls)] - first).max() > 1e-3
    wrong = outputs(record.network, first[None])[0, 0]
    assert abs(before.currents[record.network.output] - wrong) > 1e-10


def test_bond_currents_obey_kirchhoff(good_run: Path) -> None:
    record = read_record(good_run)
    network = record.network
    _, after = operating_points(record, 1)
    assert network is not None and after is not None
    total = np.zeros(network.n_sites + network.n_electrodes)
    np.add.at(total, network.bond_sites[:, 0], -after.bonds)
    np.add.at(total, network.bond_sites[:, 1], after.bonds)
    np.testing.assert_allclose(total[network.n_sites :], after.currents, atol=1e-12)
    assert np.abs(total[: network.n_sites]).max() < 1e-11


def test_thresholds_and_levels(good_run: Path) -> None:
    record = read_record(good_run)
    first, last = threshold_currents(record)
    assert first == pytest.approx(0.0, abs=1e-15) and last == pytest.approx(record.result["threshold"])
    half = record.config["task"]["target"]
    assert target_levels(record, last) == pytest.approx((last - half, last + half))


def test_spectrum_finds_amplitudes_on_an_unequal_grid() -> None:
    random = np.random.default_rng(0)
    tones = (Carrier("a", 9e3), Carrier("b", 11e3), Carrier("c", 25e3))
    line = Timeline(dead=0.15e-3, hold=2.3e-3, cases=4, epochs=3)
    time = np.sort(random.uniform(0, 3 * line.epoch, 120_000))
    wave = 0.4 + 0.03 * np.sin(2 * np.pi * 9e3 * time + 1) + 0.002 * np.cos(2 * np.pi * 25e3 * time)
    found = spectrum(time, wave, line, tones, 2)
    assert found is not None
    frequency, amplitude, beats = found
    assert beats == 2 and frequency[1] == pytest.approx(1e3)

    def at(f: float) -> float:
        return float(amplitude[np.argmin(np.abs(frequency - f))])

    assert at(9e3) == pytest.approx(0.03, rel=2e-3) and at(25e3) == pytest.approx(0.002, rel=2e-2)
    assert at(11e3) < 1e-4


def test_spectrum_needs_a_whole_beat() -> None:
    tones = (Carrier("a", 9e3), Carrier("b", 11e3))
    time = np.linspace(0, 1e-2, 5000)
    assert beat(tones) == pytest.approx(1e-3) and beat(()) is None
    assert spectrum(time, np.sin(time), Timeline(1e-4, 0.9e-3, 4, 1), tones, 0) is None


def test_thinning_keeps_every_peak() -> None:
    y = np.random.default_rng(0).normal(size=123_457)
    y[[7, 5000, 123_456]] = 50, -60, 70
    x, kept = thin(np.arange(len(y), dtype=float), y, 1000)
    assert len(x) < 2200 and np.all(np.diff(x) > 0)
    assert {50.0, -60.0, 70.0} <= set(kept) and x[0] == 0 and x[-1] == 123_456
    short = np.arange(5.0)
    assert thin(short, short, 1000)[0] is short


def test_thinning_survives_values_that_are_not_finite() -> None:
    y = np.full(10_000, np.nan)
    y[5000] = np.inf
    x, _ = thin(np.arange(10_000.0), y, 100)
    assert 0 < len(x) < 400


def test_line_names_do_not_overlap() -> None:
    with look():
        axes = new_figure(4, 3).add_axes((0.1, 0.1, 0.8, 0.8))
        axes.set_ylim(0, 1)
        name_lines(axes, [(0.0, f"n{k}", "red") for k in range(9)] + [(0.5, "middle", "red"), (np.nan, "lost", "red")])
    heights = sorted(text.xy[1] for text in axes.texts)
    assert len(heights) == 10 and heights[0] >= 0 and heights[-1] <= 1.0
    assert np.diff(heights).min() > 0.05


def test_outputs_stay_in_view_when_the_threshold_is_far(changed_run: Callable[..., Path]) -> None:
    folder = changed_run(threshold=5e-6)
    with look():
        figure = outputs_figure(read_record(folder))
    assert figure is not None
    rows = read_record(folder).result["outputs"]
    low, high = figure.axes[1].get_ylim()
    values = [1e9 * row[end] for row in rows for end in ("initial", "final")]
    assert low < min(values) and max(values) < high < 5000 / 3
    assert any("out of view" in text.get_text() for text in figure.axes[1].texts)


def test_separation_begins_at_the_start(good_run: Path) -> None:
    record = read_record(good_run)
    with look():
        figure = learning_figure(record)
    assert figure is not None
    panel = next(axes for axes in figure.axes if "separation" in axes.get_title("left"))
    line = panel.lines[-1]
    assert line.get_xdata()[0] == 0
    assert line.get_ydata()[0] == pytest.approx(1e9 * record.result["separation"]["network"]["initial"])


@pytest.mark.parametrize("kind", ["large", "lattice", "no-positions"])
def test_unusual_networks(tmp_path: Path, kind: str) -> None:
    if kind == "large":
        folder = make_run(tmp_path, dopant_disc(3, dopants=40, electrodes=12, inputs=(3, 8)), points=8000)
    elif kind == "lattice":
        folder = make_run(tmp_path, lattice(5, 6, electrodes=6), gate="AND", points=8000)
    else:
        nowhere = {"site_positions": np.full((20, 2), np.nan), "electrode_positions": np.full((8, 2), np.nan)}
        folder = make_run(tmp_path, dopant_disc(2).replace(**nowhere), points=8000)
    network = read_record(folder).network
    assert network is not None
    place, true = positions(network)
    assert np.isfinite(place).all() and true == (kind != "no-positions")
    assert ("Positions are not stored" in write_report(folder).read_text(encoding="utf-8")) == (not true)


def test_summary_is_one_wide_figure(good_run: Path) -> None:
    figure = summary_figure(good_run)
    assert figure.get_figwidth() > 3 * figure.get_figheight() and len(figure.axes) == 5
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_summary_of_an_invalid_run_says_so(changed_run: Callable[..., Path]) -> None:
    words = " ".join(text.get_text() for text in summary_figure(changed_run(verdict="timeout")).texts)
    assert "invalid run: timeout" in words and "learnt" not in words.lower()


def test_summary_of_nothing(tmp_path: Path) -> None:
    put(tmp_path, {})
    assert summary_figure(tmp_path).axes


@pytest.mark.parametrize("verdict", [*VERDICTS, "", "odd"])
def test_only_ok_can_be_good(changed_run: Callable[..., Path], verdict: str) -> None:
    kind, sentence = headline(read_record(changed_run(verdict=verdict)))
    assert kind == "bad" and "learnt" not in sentence.lower() and sentence


def test_svg_is_plain_and_escapes() -> None:
    with look():
        figure = new_figure(3, 2)
        figure.text(0.5, 0.5, "<b>$x_1$ & Ω", color=LIGHT["blue"])
        first, second = svg(figure, "one", 'a "title" <x>'), svg(figure, "one", 'a "title" <x>')
    assert first == second and first.startswith('<svg role="img" aria-label="a &quot;title&quot; &lt;x&gt;" viewBox=')
    assert "&lt;b&gt;$x_1$ &amp; Ω" in first and "var(--blue,#0072b2)" in first and "<metadata" not in first
    assert not re.search(r"<style|DejaVu|20\d\d-\d\d", first)


def _luminance(colour: str) -> float:
    parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "soft", "blue", "orange", "green", "purple", "amber"])
def test_colours_can_be_read(palette: dict[str, str], name: str) -> None:
    pair = sorted([_luminance(palette[name]), _luminance(palette["paper"])])
    assert (pair[1] + 0.05) / (pair[0] + 0.05) > 3.0
    assert LIGHT.keys() == DARK.keys() and len(set(LIGHT.values())) == len(LIGHT)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3e-9], (1e-9, "nA")),
        ([1.2e-6], (1e-9, "nA")),
        ([-0.3, 1.2], (1e-3, "mA")),
        ([0, np.nan], (1.0, "A")),
        ([], (1.0, "A")),
    ],
)
def test_axis_units(values: list[float], expected: tuple[float, str]) -> None:
    assert axis_scale(values, "A") == expected


def test_numbers_for_people() -> None:
    assert amount(-2.5e-6, "A") == "−2.5 µA" and amount(None, "A") == amount(float("nan"), "A") == "–"
    assert signed(0.3, "V") == "+300 mV" and whole(1234567.0) == "1\u202f234\u202f567"


def test_waveforms_of_a_run_that_broke_off(changed_run: Callable[..., Path]) -> None:
    import xarray as xr

    folder = changed_run(verdict="aborted", simulated_s=3e-3, history=None, outputs=None, separation=None)
    with xr.open_dataset(folder / "waveforms.nc", engine="h5netcdf", decode_times=False) as data:
        part = data.sel(time=slice(0, 3e-3)).load()
    part["err"][-5:] = np.nan
    part.to_netcdf(folder / "waveforms.nc", engine="h5netcdf")
    text = write_report(folder).read_text(encoding="utf-8")
    assert "epoch 1 of 30" in text and "Simulated: 3 ms of 138 ms planned" in text
    assert json.loads((folder / "result.json").read_text())["verdict"] == "aborted"


def test_the_hinge_is_drawn_where_it_is_used(good_run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(good_run, tmp_path / "hinge")
    config = json.loads((folder / "config.json").read_text())
    result = json.loads((folder / "result.json").read_text())
    words = {}
    for loss in ("mse", "hinge"):
        config["loop"]["loss"] = loss
        (folder / "config.json").write_text(json.dumps(config))
        kinds = ("readout", "loss", "coupler", "hinge")
        stored = result | {"technology": dict.fromkeys(kinds[: 3 if loss == "mse" else 4], "gf180")}
        for figures in (stored, {key: value for key, value in stored.items() if key != "technology"}):
            (folder / "result.json").write_text(json.dumps(figures))
            record = read_record(folder)
            assert ("hinge" in technologies(record)) == (loss == "hinge")
            words[loss] = {text.get_text() for text in loop_figure(record).axes[0].texts}
            assert ("target s" in words[loss]) == (loss == "hinge")
    assert {"hinge", "e·s > 0", "target s", "loss: square"} == words["hinge"] - words["mse"]


@pytest.mark.parametrize(
    ("told", "drawn", "said"),
    [
        (None, "reference sin 2πft", ""),
        ({"shape": "sine", "amplitude": 0.3, "lag_deg": [0.0, 0.0]}, "reference sin 2πft", ""),
        ({"shape": "square", "amplitude": 0.4, "lag_deg": [0.0]}, "reference square wave", "square waves of 400 mV"),
        ({"shape": "sine", "lag_deg": [-7.4, 3.7]}, "reference sin 2πft, trimmed", "dithers by -7.4 to 3.7 degrees"),
        ({"shape": 3, "amplitude": "much", "lag_deg": "all"}, "reference sin 2πft", ""),
    ],
)
def test_the_references_are_told(good_run: Path, tmp_path: Path, told: object, drawn: str, said: str) -> None:
    folder = shutil.copytree(good_run, tmp_path / "run")
    result = json.loads((folder / "result.json").read_text())
    result["plan"]["reference"] = told
    (folder / "result.json").write_text(json.dumps(result))
    assert drawn in {text.get_text() for text in loop_figure(read_record(folder)).axes[0].texts}
    page = write_report(folder).read_text(encoding="utf-8")
    assert (said in page) and ("lag their dithers" in page or "switched by" in page) == bool(said)
