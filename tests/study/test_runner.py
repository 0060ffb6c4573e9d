"""Handing runs out: what becomes of each, and what stops the whole. The workers are threads, the runs made up."""

from __future__ import annotations

import errno
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import distributed
import pytest
from study_samples import AND, QUICK, result, write

from hgesim._version import __version__
from hgesim.engine import Engine
from hgesim.errors import EngineError, HgeError, RequestError
from hgesim.experiment import Experiment, Run
from hgesim.experiment.folder import write_json
from hgesim.study import Progress, StudyFolder, run_study
from hgesim.study.runner import _NO_PAGE, _local
from hgesim.study.work import Job, check_worker, perform

CHIPS = '[study]\n[factors]\nnetwork.seed = {range = "0..9"}\n'


@pytest.fixture(scope="module")
def client() -> Iterator[distributed.Client]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, memory_limit=0, scheduler_kwargs=_NO_PAGE
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as found,
    ):
        yield found


@pytest.fixture
def handed(client: distributed.Client, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Job], Any]], None]:
    """Let runs be done by a function of the test."""

    @contextmanager
    def local(folder: StudyFolder, workers: int) -> Iterator[distributed.Client]:
        yield client

    def give(do: Callable[[Job], Any]) -> None:
        monkeypatch.setattr("hgesim.study.runner._local", local)
        monkeypatch.setattr("hgesim.study.runner.check_worker", lambda *words: {"engine": "none"})
        monkeypatch.setattr("hgesim.study.runner.perform", do)

    return give


def store(job: Job, **changes: Any) -> None:
    write_json(result(0.1 * job.settings["network"]["seed"], **changes), Path(job.folder) / "result.json")


def test_a_second_study_at_the_same_time_does_not_warn(tmp_path: Path) -> None:
    """The port that Dask takes by itself may be taken; a warning is an error here."""
    with socket.socket() as taken:
        with suppress(OSError):  # somebody else has it
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        with _local(SimpleNamespace(scratch=tmp_path), 1) as client:  # type: ignore[arg-type]
            assert client.submit(os.getpid).result() != os.getpid()


def test_every_run_is_told_with_the_time_that_is_left(
    tmp_path: Path, handed: Callable[[Callable[[Job], Any]], None]
) -> None:
    def slow(job: Job) -> None:
        time.sleep(0.05)
        store(job)

    handed(slow)
    told: list[Progress] = []
    folder = run_study(write(tmp_path, CHIPS), tmp_path / "out", tell=told.append)
    assert [progress.done for progress in told] == list(range(11)) and told[0].left_s is None
    assert told[-1].outcomes == {"learnt": 7, "not learnt": 3} and told[-1].left_s == 0
    assert all(0 < progress.left_s < 10 for progress in told[1:-1] if progress.left_s is not None)
    assert (folder.path / "table.csv").exists() and not folder.missing()
    again: list[Progress] = []
    handed(lambda job: pytest.fail("nothing is left to do"))
    run_study(tmp_path / "study.toml", tmp_path / "out", tell=again.append)
    assert [progress.done for progress in again] == [10]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "study.no-space"),
        (EngineError("engine.not-installed", "gone", remedy="install it"), "engine.not-installed"),
        (ZeroDivisionError("a fault of hgesim's own"), "study.scheduler-lost"),
    ],
)
def test_what_says_nothing_of_a_run_stops_the_study_which_goes_on_later(
    tmp_path: Path, handed: Callable[[Callable[[Job], Any]], None], error: Exception, code: str
) -> None:
    def broken(job: Job) -> None:
        if job.settings["network"]["seed"] == 4:
            raise error
        store(job)

    handed(broken)
    path, out = write(tmp_path, CHIPS), tmp_path / "out"
    with pytest.raises(HgeError) as caught:
        run_study(path, out)
    assert caught.value.code == code and caught.value.exit_code == 1 and "\n" not in str(caught.value)
    assert 4 in StudyFolder.load(out).missing()
    handed(store)
    assert not run_study(path, out).missing()


def test_a_study_goes_on_with_the_engine_it_began_with_or_not_at_all(
    tmp_path: Path, handed: Callable[[Callable[[Job], Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(job: Job) -> None:
        if job.settings["network"]["seed"] > 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        store(job)

    def here(**found: str) -> None:
        monkeypatch.setattr("hgesim.study.runner.check_worker", lambda *words: {"models": "none", **found})

    path, out = write(tmp_path, CHIPS), tmp_path / "out"
    handed(half)
    here(engine="ngspice 46 osdi")
    with pytest.raises(HgeError, match=r"study\.no-space"):
        run_study(path, out)
    handed(store)
    here(engine="ngspice 44.2 b-source")
    with pytest.raises(RequestError) as caught:
        run_study(path, out)
    assert caught.value.code == "study.other-engine" and "\n" not in str(caught.value)
    assert 'engine: "ngspice 46 osdi" -> "ngspice 44.2 b-source"' in str(caught.value)
    assert StudyFolder.load(out).missing()
    here(engine="ngspice 46 osdi")
    assert not run_study(path, out).missing()
    here(engine="ngspice 44.2 b-source")  # the table of what is done can be written anywhere
    run_study(path, out)


def test_a_full_disk_under_the_table(
    tmp_path: Path, handed: Callable[[Callable[[Job], Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*words: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    handed(store)
    path, out = write(tmp_path, CHIPS), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("hgesim.study.table._replace", full)
        with pytest.raises(HgeError, match=r"study\.no-space.*No space left.*goes on"):
            run_study(path, out)
    assert not run_study(path, out).missing() and (out / "table.csv").exists()


def test_requests_that_do_not_hold(tmp_path: Path, osdi_engine: object) -> None:
    path = write(tmp_path, QUICK)
    for words, code in (
        ({"workers": 0}, "study.bad-workers"),
        ({"workers": 2, "scheduler": "tcp://127.0.0.1:1"}, "study.bad-workers"),
        ({"scheduler": "nonsense://x"}, "study.no-scheduler"),
    ):
        with pytest.raises(RequestError) as caught:
            run_study(path, tmp_path / "out", **words)  # type: ignore[arg-type]
        assert caught.value.code == code and "\n" not in str(caught.value)
    blocks = write(tmp_path, '[study]\n[factors]\ncircuit.mixer = ["ideal", "idael"]\n', "blocks.toml")
    with pytest.raises(RequestError, match=r'blocks\.unknown-technology.*"ideal"'):
        run_study(blocks, tmp_path / "other")
    assert not (tmp_path / "other").exists()


# ---- one run -----------------------------------------------------------------------------------------------------


def job(folder: Path, keep: str = "results", **loop: Any) -> Job:
    settings = {
        "network": {"seed": 112, "dopants": 8, "current": "100 nA"},
        "loop": {"seed": 3, "epochs": 1, "rate": 0.05} | loop,
        "circuit": {"technology": "ideal"},
    }
    return Job(settings, str(AND.parent), str(folder / "run"), keep, str(folder / "scratch"))


def test_a_run_keeps_results_or_all_and_leaves_no_scratch(tmp_path: Path, osdi_engine: object) -> None:
    for keep, names in (
        ("results", {"config.json", "result.json", "settings.toml"}),
        (
            "all",
            {"config.json", "engine.log", "netlist", "network.json", "result.json", "settings.toml", "waveforms.nc"},
        ),
    ):
        spent = perform(job(tmp_path / keep, keep))

        run = Run.load(tmp_path / keep / "run")
        assert {path.name for path in run.folder.iterdir()} == names and run.verdict == "ok"
        assert run.result["engine_s"] < run.result["study"]["job_s"] <= spent
        assert not any((tmp_path / keep / "scratch").iterdir())
        alone = Experiment.from_file(run.folder / "settings.toml")
        assert alone.design.digest == run.result["design"]


def test_a_run_that_cannot_be_is_a_result(tmp_path: Path, osdi_engine: object, monkeypatch: pytest.MonkeyPatch) -> None:

    perform(job(tmp_path / "a", seed=5))
    found = Run.load(tmp_path / "a" / "run")
    assert found.verdict == "refused" and not found.learnt and "task.already-solved" in found.result["message"]
    # so is a device that damage made of no use
    broken = job(tmp_path / "c")
    broken.settings["nonideal"] = {"lost": ["e9"]}
    perform(broken)
    assert "nonideal.no-electrode" in Run.load(tmp_path / "c" / "run").result["message"]
    monkeypatch.setattr("hgesim.study.work.Experiment.from_config", lambda *words: 1 / 0)
    perform(job(tmp_path / "b"))
    found = Run.load(tmp_path / "b" / "run")
    assert found.verdict == "failed" and found.result["message"].startswith("ZeroDivisionError")


def test_a_full_disk_is_no_verdict(tmp_path: Path, osdi_engine: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator could not write its rows: that must not stand in the table as an aborted run."""

    def full(*words: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    late = job(tmp_path)
    late.settings["engine"] = {"timeout": 0.2}
    late.settings["loop"]["epochs"] = 50
    with monkeypatch.context() as patch:
        patch.setattr("hgesim.study.work._refuse_full", full)
        with pytest.raises(OSError, match="No space"):
            perform(late)
    assert not (tmp_path / "run" / "result.json").exists()
    perform(late)
    assert (tmp_path / "run" / "engine.log").exists()
    with monkeypatch.context() as patch:
        patch.setattr("hgesim.study.work.write_json", full)
        with pytest.raises(OSError, match="No space"):
            perform(job(tmp_path / "other"))
    assert not (tmp_path / "other" / "run" / "result.json").exists()


@pytest.mark.slow
def test_the_own_time_of_a_warm_worker_is_small(tmp_path: Path, osdi_engine: object) -> None:
    """Netlist, parsing, judging and storing, in processor time, against the simulator's wall time of a run of 1 s."""
    shares = []
    for number in range(5):
        long = job(tmp_path / str(number), epochs=2, dither=0.01 + 1e-4 * number)
        began = time.process_time()
        perform(long)
        own = time.process_time() - began
        result = Run.load(long.folder).result
        shares.append(own / (result["engine_s"] + result["network_op"]["engine_s"]))
    assert min(shares[1:]) < 0.1


def test_runs_can_be_done_in_threads_side_by_side(tmp_path: Path, osdi_engine: object) -> None:
    """Dask's workers run tasks in threads; nothing of a run may be the process's."""
    errors: list[BaseException] = []

    def one(name: str) -> None:
        try:
            perform(job(tmp_path / name))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    first, second = (Run.load(tmp_path / name / "run") for name in ("a", "b"))
    assert not errors and first.result["history"] == second.result["history"]


def test_what_decides_the_figures_on_this_machine(tmp_path: Path, osdi_engine: Engine) -> None:
    marker = tmp_path / "study.json"
    with pytest.raises(EngineError, match=r"study\.no-folder"):
        check_worker([job(tmp_path)], str(marker))
    marker.touch()
    plain, dense = job(tmp_path), job(tmp_path)
    dense.settings["engine"] = {"dialect": "b-source"}
    found = check_worker([plain, dense], str(marker))
    name = f"{osdi_engine.name} {osdi_engine.version}"
    assert found == {"hgesim": __version__, "engine": f"{name} b-source, {name} osdi", "models": "none"}
    plain.settings["circuit"]["mixer"] = "gf180"
    assert re.fullmatch("[0-9a-f]{64}", check_worker([plain], str(marker))["models"])
