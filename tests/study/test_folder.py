"""The folder of a study: one study, one process at a time, one table whatever comes in between."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas
import pytest
from study_samples import filled, result, write

from hgesim.errors import RequestError
from hgesim.study import StudyFolder, read_study, rows
from hgesim.study.table import write_tables

TEXT = """
[study]
name = "chips"
outcomes = ["learnt", "margin", "energy_j.total"]
[factors]
network.seed = {range = "0..3"}
loop.dither = ["5 mV", "10 mV"]
"""


def give(inputs: dict[str, object]) -> dict[str, object]:
    if inputs["network.seed"] == 3:
        return result(None)
    railed = ["err"] if inputs["network.seed"] == 2 else []
    return result(0.1 * int(str(inputs["network.seed"])) + 0.2, energy_j={"total": 1e-6}, railed=railed)


def test_a_folder_for_each_run_named_by_its_inputs(tmp_path: Path) -> None:
    folder = filled(tmp_path, TEXT, give)
    points = {
        path.parent.name: json.loads(path.read_text())
        for path in tmp_path.glob("out/workspace/*/signac_statepoint.json")
    }
    assert len(points) == 8
    assert points[folder.name(3)] == {"network": {"seed": 1}, "loop": {"dither": 0.01}}
    again = StudyFolder.load(tmp_path / "out")
    assert [again.name(k) for k in range(8)] == [folder.name(k) for k in range(8)] and not again.missing()


def test_runs_with_the_same_inputs_share_a_folder(tmp_path: Path) -> None:
    text = '[study]\ndesign = "monte-carlo"\nsamples = 40\n[factors]\nnetwork.seed = {range = "0..2"}\n'
    folder = filled(tmp_path, text, lambda inputs: None)
    assert len(folder.missing()) == 3 and len(rows(folder)) == 40


def test_the_table_reads_back(tmp_path: Path) -> None:
    folder = filled(tmp_path, TEXT, give)
    table = write_tables(folder)
    for frame in (pandas.read_csv(tmp_path / "out/table.csv"), pandas.read_parquet(tmp_path / "out/table.parquet")):
        assert list(frame["network.seed"]) == [0, 0, 1, 1, 2, 2, 3, 3] and frame["loop.dither"][1] == 0.01
        assert list(frame["learnt"]) == [False, False, True, True, True, True, False, False]
        assert list(frame["verdict"]) == ["ok"] * 6 + ["aborted"] * 2
        assert frame["loss.final"][2] == table[2]["loss.final"] == 0.02 * (1.2 - 0.30000000000000004)
        assert frame["energy_j.total"][0] == 1e-6 and frame["margin"].isna().sum() == 2
    with (tmp_path / "out/table.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert lines[4]["railed"] == "err" and lines[6]["reason"] == "timestep too small" and lines[6]["margin"] == ""
    assert float(lines[0]["loss.final"]) == table[0]["loss.final"]
    times = pandas.read_csv(tmp_path / "out/times.csv")
    assert times["engine_s"][0] == 1.5 and "engine_s" not in lines[0]


def test_what_is_not_done_is_pending_and_done_later_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    half = filled(tmp_path, TEXT, lambda inputs: give(inputs) if inputs["loop.dither"] == 0.005 else None)
    table = write_tables(half)
    assert [row["verdict"] for row in table] == ["ok", "pending"] * 3 + ["aborted", "pending"]
    assert half.missing() == [1, 3, 5, 7]
    for number in reversed(half.missing()):
        half.store(number, give(half.study.runs[number]))
    write_tables(half)
    write_tables(filled(tmp_path / "b", TEXT, give))
    for name in ("table.csv", "table.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "b/out" / name).read_bytes()


def test_a_half_written_result_is_none(tmp_path: Path) -> None:
    folder = filled(tmp_path, TEXT, lambda inputs: None)
    folder.make(0)
    (folder.folder(0) / ".result.json.part").write_text('{"verdict": "ok"')
    assert 0 in folder.missing() and folder.result(0) is None


def test_timeouts_tell_no_wall_time(tmp_path: Path) -> None:
    late = {**result(None), "verdict": "timeout", "message": "time is up after 3.217 s at 0.001 s"}
    assert {row["reason"] for row in rows(filled(tmp_path, TEXT, lambda inputs: late))} == {"time is up"}


# ---- refused -----------------------------------------------------------------------------------------------------


def test_a_changed_study_is_refused_with_the_difference(tmp_path: Path) -> None:
    write(tmp_path, "[loop]\nepochs = 5\n", "base.toml")
    write(tmp_path, "a,target\n-1,0\n1,1\n", "cases.csv")
    text = '[study]\nbase = "base.toml"\n[factors]\nloop.dither = [5e-3, 1e-2]\n'
    path = write(tmp_path, text)
    StudyFolder.claim(tmp_path / "out", read_study(path))
    StudyFolder.claim(tmp_path / "out", read_study(write(tmp_path, text + "# only a remark\n")))
    for name, changed, says in (
        ("study.toml", text.replace("1e-2", "2e-2"), "factors.loop.dither: [0.005, 0.01] -> [0.005, 0.02]"),
        ("study.toml", text + "[settings]\nloop.rate = 0.5\n", "settings.loop.rate: nothing -> 0.5"),
        ("base.toml", "[loop]\nepochs = 6\n", "base.loop.epochs: 5 -> 6"),
    ):
        before = (tmp_path / name).read_text()
        write(tmp_path, changed, name)
        with pytest.raises(RequestError) as caught:
            StudyFolder.claim(tmp_path / "out", read_study(path))
        assert caught.value.code == "study.changed" and says in str(caught.value)
        write(tmp_path, before if name != "study.toml" else text, name)


def test_a_changed_file_of_the_settings_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a,target\n-1,0\n1,1\n", "cases.csv")
    path = write(tmp_path, '[study]\nreplicates = 2\n[settings]\ntask.kind = "classes"\ntask.file = "cases.csv"\n')
    StudyFolder.claim(tmp_path / "out", read_study(path))
    write(tmp_path, "a,target\n-1,1\n1,0\n", "cases.csv")
    with pytest.raises(RequestError, match=r"study\.changed.*cases\.csv"):
        StudyFolder.claim(tmp_path / "out", read_study(path))


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    study = read_study(write(tmp_path, TEXT))
    with pytest.raises(RequestError, match=r"folder\.exists"):
        StudyFolder.claim(tmp_path, study)
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match=r"folder\.not-writable"):
        StudyFolder.claim(tmp_path / "file" / "out", study)
    for text in (None, "no json", "[]", '{"source": 3}'):
        if text is not None:
            (tmp_path / "study.json").write_text(text)
        with pytest.raises(RequestError, match=r"study\.no-study"):
            StudyFolder.load(tmp_path)


HOLD = """
import sys
from hgesim.study import StudyFolder
with StudyFolder.load(sys.argv[1]).alone():
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_one_process_at_a_time_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    folder = filled(tmp_path, TEXT, lambda inputs: None)
    assert not folder.busy()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "mine\n"
        assert folder.busy()
        with pytest.raises(RequestError) as caught, folder.alone():
            pass
        assert caught.value.code == "study.locked"
        assert f"process {holder.pid} on {os.uname().nodename}" in str(caught.value)
    finally:
        holder.kill()
        holder.communicate()
    with folder.alone():
        assert folder.busy()
    assert not folder.busy() and not folder.scratch.exists()
