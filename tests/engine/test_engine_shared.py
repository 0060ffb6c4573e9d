"""libngspice in a process of its own: the same decks, files and verdicts as the batch engine."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from engine_samples import RC, TRAPS, processes_in, wait_for
from small_designs import small_loop, small_star

from hgesim.design import Design, block_set
from hgesim.engine import Engine, Verdict, fill_folder, read_raw, run_deck, select_engine
from hgesim.engine import engines as engines_module
from hgesim.engine.doctor import doctor_report, format_doctor
from hgesim.engine.library import find_library
from hgesim.errors import EngineError
from hgesim.netlist import write_files

SHORT, LONG = RC.format(stop="3e-3"), RC.format(stop="100")


def test_every_digit_is_the_batch_engines(ngspice, shared_engine, write_deck):
    batch = run_deck(write_deck(SHORT), ngspice, end_time=3e-3)
    shared = run_deck(write_deck(SHORT, folder="shared"), shared_engine, end_time=3e-3)
    assert (shared.verdict, shared.points, shared.iterations) == (Verdict.OK, batch.points, batch.iterations)
    assert read_raw(shared.raw).names == read_raw(batch.raw).names
    np.testing.assert_array_equal(read_raw(shared.raw).values, read_raw(batch.raw).values)


def test_a_learning_loop_is_the_same_in_both(osdi_engine, shared_engine, tmp_path):
    network = small_star()
    design = Design(network, small_loop(network), block_set("ideal"))
    rows = []
    for engine in (osdi_engine, shared_engine):
        folder = write_files(design.circuit, tmp_path / engine.name, "osdi")
        fill_folder(folder)
        result = run_deck(folder, engine, end_time=design.loop.timeline.stop, timeout=60)
        assert result.ok, result.message
        rows.append(np.array(read_raw(result.raw).values))
    np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize("trap", TRAPS)
def test_trap_decks_get_the_same_verdict(shared_engine, write_deck, trap):
    circuit, verdict, told = TRAPS[trap]
    result = run_deck(write_deck(f"* trap\n{circuit}.tran 1e-6 1e-3 0 1e-6\n"), shared_engine, end_time=1e-3)
    assert result.verdict == verdict, result.message
    assert told in result.message


def test_time_out_keeps_rows(shared_engine, write_deck):
    result = run_deck(write_deck(LONG), shared_engine, end_time=100.0, timeout=2.0)
    assert result.verdict is Verdict.TIMEOUT
    assert result.points > 100


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process through /proc")
def test_killed_by_another_hand(shared_engine, write_deck):
    folder = write_deck(LONG)

    def kill() -> None:
        wait_for(lambda: (folder / "waveforms.raw").exists() and (folder / "waveforms.raw").stat().st_size > 20000)
        for pid in processes_in(folder):
            os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    result = run_deck(folder, shared_engine, end_time=100.0, timeout=30)
    killer.join(10)
    assert result.verdict is Verdict.ENGINE_ERROR
    assert "SIGKILL" in result.message


def test_start_up_files_of_the_user_have_no_effect(shared_engine, write_deck, tmp_path, monkeypatch):
    quiet = run_deck(write_deck(SHORT), shared_engine, end_time=3e-3)
    home = tmp_path / "home"
    home.mkdir()
    folder = write_deck(SHORT, folder="again")
    for place in (home, folder):
        (place / ".spiceinit").write_text("set num_threads=7\nset filetype=ascii\necho HOSTILE\noption reltol=1e-9\n")
    monkeypatch.setenv("HOME", str(home))
    result = run_deck(folder, shared_engine, end_time=3e-3)
    assert result.ok, result.message
    assert "HOSTILE" not in result.log.read_text()
    np.testing.assert_array_equal(read_raw(result.raw).values, read_raw(quiet.raw).values)


def test_relative_folder_with_blanks(shared_engine, write_deck, monkeypatch):
    folder = write_deck(SHORT, folder="run ü 1 'q' $x")
    monkeypatch.chdir(folder.parent)
    assert run_deck(folder.name, shared_engine, end_time=3e-3).ok


def test_the_library_that_the_user_names(shared_engine, tmp_path, monkeypatch):
    copy = tmp_path / "my libngspice.so"
    shutil.copy(shared_engine.path, copy)
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(copy))
    assert find_library() == copy
    found = select_engine("shared")
    assert (found.path, found.version, found.capabilities) == (copy, shared_engine.version, shared_engine.capabilities)


@pytest.mark.parametrize("content", [None, b"no library"])
def test_a_library_that_does_not_simulate(tmp_path, monkeypatch, content):
    path = tmp_path / "impostor.so"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(path))
    with pytest.raises(EngineError, match="impostor") as caught:
        select_engine("shared")
    assert (caught.value.code, caught.value.place) == ("engine.not-installed", "NGSPICE_LIBRARY_PATH")


def test_no_library(monkeypatch):
    monkeypatch.setattr(engines_module, "find_library", lambda: None)
    monkeypatch.delenv("NGSPICE_LIBRARY_PATH", raising=False)
    with pytest.raises(EngineError, match="libngspice") as caught:
        select_engine("shared")
    assert caught.value.code == "engine.not-installed"
    assert "install" in caught.value.remedy


def test_too_old_a_library(monkeypatch):
    old = Engine("shared", Path("/opt/libngspice.so.0"), "38", frozenset())
    monkeypatch.setattr(engines_module, "find_shared", lambda: old)
    monkeypatch.setattr(engines_module, "find_library", lambda: old.path)
    with pytest.raises(EngineError, match="libngspice 38") as caught:
        select_engine("shared")
    assert caught.value.code == "engine.too-old"


def test_doctor_tells_of_it(shared_engine):
    report = doctor_report()
    entry = next(entry for entry in report["engines"] if entry["name"] == "shared")
    assert entry["path"] == str(shared_engine.path)
    assert f"shared {shared_engine.version} at {shared_engine.path}" in format_doctor(report)
