"""Study files: what they say is run, and what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest, norm
from study_samples import AND, write

from hgesim.errors import RequestError
from hgesim.study import Study, read_study
from hgesim.study.factors import read_factor


def plan(folder: Path, factors: str, **study: object) -> Study:
    keys = "\n".join(f"{key} = {value!r}" for key, value in study.items())
    return read_study(write(folder, f"[study]\n{keys}\n[factors]\n{factors}\n"))


# ---- what is run -------------------------------------------------------------------------------------------------


def test_a_grid_is_every_combination_last_factor_fastest(tmp_path: Path) -> None:
    study = plan(
        tmp_path,
        'loop.dither = ["5 mV", 0.01]\nloop.base = {range = ["1 kHz", 3000], levels = 3}\n'
        'network.seed = {range = "7..8"}',
    )
    assert len(study.runs) == 12 and study.samples == 12
    assert study.runs[0] == {"loop.dither": 0.005, "loop.base": 1000.0, "network.seed": 7}
    assert study.runs[1]["network.seed"] == 8 and study.runs[2]["loop.base"] == 2000.0
    assert study.runs[-1] == {"loop.dither": 0.01, "loop.base": 3000.0, "network.seed": 8}


def test_log_ranges_and_whole_numbers(tmp_path: Path) -> None:
    study = plan(
        tmp_path, "loop.rate = {log-range = [0.01, 1], levels = 3}\nloop.epochs = {range = [1, 9], levels = 3}"
    )
    assert [run["loop.rate"] for run in study.runs[::3]] == [0.01, 0.1, 1.0]
    assert [run["loop.epochs"] for run in study.runs[:3]] == [1, 5, 9]
    assert all(type(run["loop.epochs"]) is int for run in study.runs)


def test_corners_are_the_ends_and_whole_lists(tmp_path: Path) -> None:
    factors = 'circuit.mixer = ["ideal", "gf180"]\nloop.dither = {range = [5e-3, 20e-3], levels = 7}'
    study = plan(tmp_path, factors, design="corners")
    assert [tuple(run.values()) for run in study.runs] == [
        ("ideal", 0.005), ("ideal", 0.02), ("gf180", 0.005), ("gf180", 0.02)
    ]  # fmt: skip


def test_replicates_count_their_seed_up(tmp_path: Path) -> None:
    study = plan(tmp_path, "loop.dither = [5e-3, 10e-3]", base=str(AND), replicates=3)
    assert [run["loop.seed"] for run in study.runs] == [416, 417, 418] * 2 and study.samples == 2
    alone = plan(tmp_path, "", replicates=2, replicate="network.seed")
    assert [run["network.seed"] for run in alone.runs] == [0, 1]
    assert [alone.settings_of(run)["network"]["seed"] for run in alone.runs] == [0, 1]


@pytest.mark.parametrize("design", ["latin-hypercube", "monte-carlo", "sobol"])
def test_samples_follow_their_distributions(tmp_path: Path, design: str) -> None:
    """An independent oracle: the tests of Kolmogorov and Smirnov against the distributions asked for."""
    factors = """
loop.dither = {range = [5e-3, 20e-3]}
loop.rate = {log-range = [0.01, 1]}
loop.reference = {normal = [0.3, 0.02]}
network.seed = {range = "0..3"}
circuit.mixer = ["ideal", "gf180"]
"""
    study = plan(tmp_path, factors, design=design, samples=128, seed=5)
    assert len(study.runs) == (128 * 7 if design == "sobol" else 128)
    values = {key: [run[key] for run in study.runs] for key in study.runs[0]}
    assert kstest(values["loop.dither"], "uniform", (5e-3, 15e-3)).pvalue > 0.01
    assert kstest(np.log10(values["loop.rate"]), "uniform", (-2, 2)).pvalue > 0.01
    assert kstest(values["loop.reference"], norm(0.3, 0.02).cdf).pvalue > 0.01
    for key, levels in (("network.seed", 4), ("circuit.mixer", 2)):
        counts = np.unique(values[key], return_counts=True)[1] / len(study.runs)
        assert len(counts) == levels and np.abs(counts * levels - 1).max() < 0.35
    if design == "latin-hypercube":  # one in each of 128 slices, of every factor
        assert sorted(np.floor((np.array(values["loop.dither"]) - 5e-3) / 15e-3 * 128 - 1e-6)) == list(range(-0, 128))
    assert study.runs == plan(tmp_path, factors, design=design, samples=128, seed=5).runs
    assert study.runs != plan(tmp_path, factors, design=design, samples=128, seed=6).runs


def test_saltelli_changes_one_factor_at_a_time(tmp_path: Path) -> None:
    study = plan(
        tmp_path, "loop.dither = {range = [5e-3, 2e-2]}\nloop.rate = {range = [0.1, 1]}", design="sobol", samples=8
    )
    rows = np.array([list(run.values()) for run in study.runs]).reshape(8, 4, 2)
    first, one, two, last = rows.transpose(1, 0, 2)
    np.testing.assert_array_equal(one, np.column_stack([last[:, 0], first[:, 1]]))
    np.testing.assert_array_equal(two, np.column_stack([first[:, 0], last[:, 1]]))


def test_settings_of_the_study_change_the_base(tmp_path: Path) -> None:
    text = f"[study]\nbase = {str(AND)!r}\n[settings]\nloop.epochs = 3\n[factors]\n'loop.dither' = [5e-3]\n"
    settings = read_study(write(tmp_path, text)).settings_of({"loop.dither": 0.007})
    assert (
        settings["loop"] == {"seed": 416, "dither": 0.007, "epochs": 3} and settings["circuit"]["technology"] == "gf180"
    )


def test_the_base_is_found_from_the_study(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path, "[loop]\nseed = 9\n", "base.toml")
    study = read_study(write(tmp_path / "sub", '[study]\nbase = "../base.toml"\nreplicates = 2\n'))
    assert study.runs == ({"loop.seed": 9}, {"loop.seed": 10}) and study.folder == tmp_path


# ---- what is refused ---------------------------------------------------------------------------------------------

REFUSED = {
    "loop.ditherr = [1]": ("config.unknown-key", '"dither"'),
    "lop.dither = [1]": ("config.unknown-key", "loop"),
    "lop.dither = 3": ("config.unknown-key", "loop"),
    "dither = [1]": ("study.bad-key", "section.key"),
    'loop.dither = ["3 A"]': ("units.wrong-unit", "loop.dither"),
    "loop.dither = []": ("study.empty-range", "list"),
    "loop.dither = [0.01, '10 mV']": ("study.bad-factor", "twice"),
    "loop.dither = 0.01": ("study.bad-factor", "a list"),
    "loop.dither = {range = [2e-2, 1e-2], levels = 2}": ("study.empty-range", "low end first"),
    "loop.dither = {range = [1e-2, 1e-2], levels = 2}": ("study.empty-range", "between"),
    'network.seed = {range = "9..3"}': ("study.empty-range", "between 9 and 3"),
    "loop.dither = {range = [1e-2], levels = 2}": ("study.bad-factor", "pair"),
    "loop.dither = {range = [1e-2, 2e-2]}": ("study.no-levels", "levels"),
    "loop.dither = {range = [1e-2, 2e-2], levels = 1}": ("study.bad-factor", "levels"),
    "loop.dither = {range = [1e-2, 2e-2], steps = 3}": ("study.bad-factor", "levels"),
    "loop.dither = {range = [1e-2, 2e-2], normal = [1, 2]}": ("study.bad-factor", "normal"),
    "loop.dither = {normal = [1e-2, 1e-3]}": ("study.no-levels", "monte-carlo"),
    "loop.dither = {normal = [1e-2, 0]}": ("study.bad-factor", "deviation"),
    "loop.rate = {log-range = [0, 1], levels = 3}": ("study.bad-factor", "above 0"),
    "network.seed = {range = [0, 3], levels = 9}": ("study.bad-factor", "levels"),
    "network.seed = {normal = [5, 1]}": ("study.bad-factor", "whole"),
    'circuit.mixer = {range = ["a", "b"], levels = 2}': ("study.bad-factor", "no numbers"),
    "loop.dither = [nan]": ("study.bad-value", "finite"),
    "loop.seed = [-1]": ("config.bad-value", "loop.seed"),
    'network.seed = {range = "0..99999999"}': ("study.too-many", "100000"),
    "": ("study.no-factor", "factor"),
}


@pytest.mark.parametrize("factors", REFUSED)
def test_factors_that_do_not_hold(tmp_path: Path, factors: str) -> None:
    code, says = REFUSED[factors]
    with pytest.raises(RequestError) as caught:
        plan(tmp_path, factors)
    assert caught.value.code == code and says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        ({"design": "sobol", "samples": 12}, "study.bad-value", "study.samples"),
        ({"design": "sobol"}, "study.bad-value", "study.samples"),
        ({"samples": 12}, "study.bad-value", "study.samples"),
        ({"design": "sobl"}, "study.bad-value", "study.design"),
        ({"replicates": 0}, "study.bad-value", "study.replicates"),
        ({"replicates": 2, "replicate": "loop.dither"}, "study.bad-value", "study.replicate"),
        ({"replicates": 2, "replicate": "loop.rate"}, "study.bad-value", "study.replicate"),
        ({"replicates": 2, "replicate": "loop.sed"}, "config.unknown-key", "[loop]"),
        ({"replicates": 2, "replicate": "seed"}, "config.unknown-key", "config"),
        ({"outcomes": []}, "study.bad-value", "study.outcomes"),
        ({"nam": "x"}, "study.bad-key", "[study]"),
        ({"base": "none.toml"}, "config.no-file", "none.toml"),
        ({"keep": "some"}, "study.bad-value", "study.keep"),
    ],
)
def test_a_study_that_does_not_hold(tmp_path: Path, changes: dict[str, object], code: str, place: str) -> None:
    with pytest.raises(RequestError) as caught:
        plan(tmp_path, "loop.dither = {range = [1e-2, 2e-2], levels = 2}", **changes)
    assert caught.value.code == code and place in caught.value.place and "\n" not in str(caught.value)


def test_replicates_of_a_start_that_is_given(tmp_path: Path) -> None:
    write(tmp_path, "[loop]\nstart = [0, 0, 0, 0, 0]\n", "base.toml")
    with pytest.raises(RequestError, match=r"study\.replicate.*all the same"):
        read_study(write(tmp_path, '[study]\nbase = "base.toml"\nreplicates = 2\n'))


@pytest.mark.parametrize("text", ["[study", "factor = 3", "[factor]\nloop.rate = [1]", "study = 3"])
def test_files_that_are_no_study(tmp_path: Path, text: str) -> None:
    with pytest.raises(RequestError, match=r"config\.bad-toml|study\.bad-key"):
        read_study(write(tmp_path, text))


def test_a_sample_outside_of_what_the_key_takes_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"config\.bad-value.*control_range"):
        plan(tmp_path, "loop.control_range = {normal = [0.1, 1]}", design="monte-carlo", samples=64)


def test_quantiles_of_a_factor() -> None:
    factor = read_factor("network.seed", {"range": "3..6"})
    assert [factor.at(share) for share in (0.0, 0.2499, 0.25, 0.5, 0.9999999)] == [3, 3, 4, 5, 6]
    listed = read_factor("circuit.mixer", ["ideal", "gf180", "discrete"])
    assert [listed.at(share) for share in (0.0, 0.34, 0.99)] == ["ideal", "gf180", "discrete"]
