"""What the table says, against what is known: Sobol indices of Ishigami's function, variance by hand, intervals."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, spearmanr
from study_samples import filled, result

from hgesim.config import load_config
from hgesim.study import StudyFolder, rows, write_study_report
from hgesim.study.analysis import levels, sensitivity, spread, worst, yield_of

# Ishigami and Homma (1990): f = sin x + a sin^2 y + b z^4 sin x on (-pi, pi), with these indices in closed form.
A, B = 7.0, 0.1
_V = [0.5 * (1 + B * math.pi**4 / 5) ** 2, A**2 / 8]
_V13 = B**2 * math.pi**8 * (1 / 18 - 1 / 50)
TOTAL = sum(_V) + _V13
FIRST = {"loop.dither": _V[0] / TOTAL, "loop.rate": _V[1] / TOTAL, "loop.reference": 0.0}
WHOLE = {"loop.dither": (_V[0] + _V13) / TOTAL, "loop.rate": _V[1] / TOTAL, "loop.reference": _V13 / TOTAL}
CUBE = "[factors]\n" + "".join(f"{key} = {{range = [0, 1]}}\n" for key in FIRST)


def ishigami(inputs: dict[str, Any]) -> dict[str, Any]:
    x, y, z = (math.pi * (2 * inputs[key] - 1) for key in FIRST)
    value = math.sin(x) + A * math.sin(y) ** 2 + B * z**4 * math.sin(x)
    return result(0.3, loss={"initial": 1.0, "final": value})


def test_sobol_indices_of_a_known_function(tmp_path: Path) -> None:
    folder = filled(tmp_path, f'[study]\ndesign = "sobol"\nsamples = 512\n{CUBE}', ishigami)
    shares, reason = sensitivity(folder.study, rows(folder), "loss.final")
    assert not reason and [share.key for share in shares] == ["loop.dither", "loop.rate", "loop.reference"]
    for share in shares:
        assert share.total is not None and share.total_doubt is not None
        assert abs(share.first - FIRST[share.key]) < max(0.03, 1.5 * share.doubt) and share.doubt < 0.2
        assert abs(share.total - WHOLE[share.key]) < max(0.03, 1.5 * share.total_doubt)


def test_a_failed_run_leaves_out_its_whole_sample(tmp_path: Path) -> None:
    lost: list[int] = []

    def sometimes(inputs: dict[str, Any]) -> dict[str, Any]:
        lost.append(1)
        return result(None) if len(lost) % 97 == 0 else ishigami(inputs)

    folder = filled(tmp_path, f'[study]\ndesign = "sobol"\nsamples = 512\n{CUBE}', sometimes)
    shares, _ = sensitivity(folder.study, rows(folder), "loss.final")
    assert abs(shares[0].first - FIRST["loop.dither"]) < 0.15 and shares[0].total is not None
    learnt, _ = sensitivity(folder.study, rows(folder), "learnt")
    assert len(learnt) == 3 and all(np.isfinite(share.first) for share in learnt)


@pytest.mark.parametrize("design", ["latin-hypercube", "monte-carlo"])
def test_first_order_shares_of_given_data(tmp_path: Path, design: str) -> None:
    folder = filled(tmp_path, f'[study]\ndesign = "{design}"\nsamples = 1500\n{CUBE}', ishigami)
    shares, _ = sensitivity(folder.study, rows(folder), "loss.final")
    for share in shares:
        assert share.total is None and abs(share.first - FIRST[share.key]) < 0.06
        assert 0 < share.doubt < 0.02
    table = rows(folder)
    for share in shares:
        columns = ([row[share.key] for row in table], [row["loss.final"] for row in table])
        assert share.rank == pytest.approx(spearmanr(*columns).statistic)


def test_shares_of_a_grid_are_those_of_an_analysis_of_variance(tmp_path: Path) -> None:
    text = '[study]\n[factors]\ncircuit.mixer = ["ideal", "gf180"]\nnetwork.seed = {range = "0..4"}\n'
    offset = {"ideal": 0.0, "gf180": 3.0}
    wave = (0.1, -0.3, 0.5, 0.0, 0.2)

    def value(inputs: dict[str, Any]) -> float:
        return offset[inputs["circuit.mixer"]] + wave[inputs["network.seed"]]

    folder = filled(tmp_path, text, lambda inputs: result(0.3, loss={"initial": 1, "final": value(inputs)}))
    shares, _ = sensitivity(folder.study, rows(folder), "loss.final")
    spread = np.var(wave) * 5
    whole = 10 * 1.5**2 + 2 * spread
    assert [share.key for share in shares] == ["circuit.mixer", "network.seed"]
    assert shares[0].first == pytest.approx(1 - (2 * spread / 8) / (whole / 9))
    assert shares[0].rank is None and shares[1].first == 0.0 and shares[1].rank is not None


def test_nothing_to_rank_says_why(tmp_path: Path) -> None:
    text = '[study]\n[factors]\nnetwork.seed = {range = "0..4"}\n'
    folder = filled(tmp_path, text, lambda inputs: result(0.3))
    table = rows(folder)
    assert sensitivity(folder.study, table, "loss.final") == ([], "all runs have the same: 0.018")
    assert sensitivity(folder.study, table, "no.such")[1] == "only 0 runs have a figure"


def test_yield_counts_every_verdict(tmp_path: Path) -> None:
    text = '[study]\n[factors]\nnetwork.seed = {range = "0..19"}\n'
    made = {
        0: result(None),
        1: result(None, verdict="refused"),
        2: None,
        3: result(0.1),
        4: result(0.2, railed=["err"]),
    }
    folder = filled(tmp_path, text, lambda inputs: made.get(inputs["network.seed"], result(0.5)))
    learnt, done, low, high = yield_of(rows(folder))
    expected = binomtest(15, 19).proportion_ci(method="wilson")
    assert (learnt, done) == (15, 19) and (low, high) == pytest.approx((expected.low, expected.high))
    names = [row["network.seed"] for row in worst(rows(folder), 3)]
    assert set(names[:1]) <= {0, 1} and names[1:] == [3, 4]
    longer = worst(rows(folder), 10)
    assert [bool(row["learnt"]) for row in longer] == [False] * 4 + [True] * 5


def test_spread_is_that_of_the_runs_that_have_a_figure(tmp_path: Path) -> None:
    """Chips of one design, with nothing varied but their seed: quartiles by hand, one run without a figure."""
    text = '[study]\nreplicates = 10\nreplicate = "nonideal.seed"\noutcomes = ["learnt", "margin"]\n'
    text += "[settings.nonideal]\nmismatch = 1\nseed = 1\n"
    made = {1: result(None)} | {seed: result(0.1 * seed) for seed in range(2, 11)}
    folder = filled(tmp_path, text, lambda inputs: made[inputs["nonideal.seed"]])
    found = spread(rows(folder), "margin")
    assert found is not None and len(found.values) == 9
    assert (found.low, found.middle, found.high) == pytest.approx((0.4, 0.6, 0.8))
    assert spread(rows(folder), "no.such") is None
    page = write_study_report(folder).read_text()
    assert "8 of 10 runs learnt" in page and page.count("<figure>") == 1
    assert "<td>margin</td>" in page and 'number">0.6</td>' in re.sub(r' style="[^"]*"', "", page)
    assert "nonideal.seed = 1<br>aborted" in page and "Which factor matters" not in page


def test_levels_and_classes(tmp_path: Path) -> None:
    text = '[study]\ndesign = "monte-carlo"\nsamples = 60\n[factors]\n'
    text += "loop.rate = {range = [0.1, 1]}\nloop.beats = [2, 1]\n"
    folder = filled(tmp_path, text, lambda inputs: None)
    rate, beats = (levels(rows(folder), factor) for factor in folder.study.factors)
    assert [len(level.rows) for level in rate] == [10] * 6 and [level.name for level in beats] == ["2", "1"]
    assert sorted(row for level in rate for row in level.rows) == list(range(60))
    middles = [level.middle for level in rate]
    assert middles == sorted(middles, key=float)


# ---- the report --------------------------------------------------------------------------------------------------

CHIPS = """
[study]
name = "chips <1>"
replicates = 2
outcomes = ["learnt", "margin", "loss.final", "no.such"]
[factors]
circuit.mixer = ["ideal", "gf180"]
loop.rate = {log-range = [0.1, 1], levels = 3}
network.seed = {range = "0..11"}
"""


def chips(inputs: dict[str, Any]) -> dict[str, Any]:
    if inputs["network.seed"] == 5:
        return result(None)
    worse = 0.3 if inputs["circuit.mixer"] == "gf180" else 0.0
    return result(0.1 + 0.05 * inputs["network.seed"] - worse, railed=["err"] if inputs["network.seed"] == 0 else [])


def test_report(tmp_path: Path) -> None:
    folder = filled(tmp_path, CHIPS, chips)
    page = write_study_report(folder).read_text()
    learnt, done, low, _ = yield_of(rows(folder))
    assert f"{learnt} of {done} runs learnt: {100 * learnt / done:.1f}".rstrip("0").rstrip(".") in page
    assert f"95 % interval {100 * low:.1f} % to" in page and "chips &lt;1&gt;" in page and "<1>" not in page
    assert page.count("<figure>") == 4 and "only 0 runs have a figure" in page
    assert page.index("circuit.mixer</td>") < page.index("loop.rate</td>", page.index("by chance up to"))
    first = page
    assert write_study_report(StudyFolder.load(folder.path)).read_text() == first


def test_the_command_of_a_bad_run_is_that_run(tmp_path: Path) -> None:
    folder = filled(tmp_path, CHIPS, chips)
    for number in range(len(folder.study.runs)):
        (folder.folder(number) / "settings.toml").write_text("")
    page = write_study_report(folder).read_text()
    commands = [shlex.split(line) for line in re.findall(r"<pre>(hgesim learn .*?)</pre>", page)]
    assert len(commands) == 10
    names = [Path(command[2]).parent.name for command in commands]
    table = {row["run"]: row for row in rows(folder)}
    assert all(not table[name]["learnt"] and f'href="workspace/{name}/"' in page for name in names)
    for command in commands:
        assert load_config(command[2]) and command[3] == "--out"


def test_report_of_a_study_under_way(tmp_path: Path) -> None:
    folder = filled(tmp_path, CHIPS, lambda inputs: chips(inputs) if inputs["network.seed"] < 3 else None)
    assert "108 of 144 runs have no verdict yet" in write_study_report(folder).read_text()
    (tmp_path / "b").mkdir()
    nothing = filled(tmp_path / "b", CHIPS, lambda inputs: None)
    assert "No run has a verdict yet" in write_study_report(nothing).read_text()
