"""Worker processes for real: killed ones, killed studies, Ctrl-C, and a Dask scheduler on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas
import psutil
import pytest
from study_samples import QUICK, write
from typer.testing import CliRunner

from hgesim.cli import app
from hgesim.experiment.folder import write_json
from hgesim.study import StudyFolder, rows, run_study
from hgesim.study.work import Job, perform

MANY = QUICK.replace("replicates = 3", "replicates = 6").replace("epochs = 1", "epochs = 3") + "[factors]\n"
MANY += 'loop.dither = ["5 mV", "10 mV"]\n'


def command(path: Path, out: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "hgesim.cli", "study", "run", str(path), "--out", str(out), *words]


def results(out: Path) -> int:
    return len(list(out.glob("workspace/*/result.json")))


@contextmanager
def running(path: Path, out: Path, done: int) -> Iterator[subprocess.Popen[str]]:
    """Start a study and wait until it has some results; kill it in the end."""
    started = subprocess.Popen(
        command(path, out, "--workers", "2"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background would not hear it
    )
    try:
        for _ in range(1200):
            if results(out) >= done or started.poll() is not None:
                break
            time.sleep(0.05)
        assert started.poll() is None and results(out) >= done
        yield started
    finally:
        started.kill()
        started.communicate()


def simulators(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children(recursive=True) if "ngspice" in child.name()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, osdi_engine: object) -> Path:
    """The same study, never interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    done = subprocess.run(
        command(write(folder, MANY), folder / "out", "--workers", "1"), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "quick: 12 runs" in done.stdout and "refused" in done.stdout
    return folder / "out"


@pytest.mark.slow
def test_a_killed_study_goes_on_and_ends_in_the_same_table(tmp_path: Path, whole: Path) -> None:
    path, out = write(tmp_path, MANY), tmp_path / "out"
    with running(path, out, 4) as started:
        family = psutil.Process(started.pid).children(recursive=True)
        started.kill()
        started.wait()
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive, "workers and simulators end with the study"
    assert 4 <= results(out) < 12 and not (out / "table.csv").exists()
    done = subprocess.run(command(path, out, "--workers", "2"), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for name in ("table.csv", "table.parquet"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    assert not (out / ".scratch").exists()


@pytest.mark.slow
def test_an_interrupted_study_says_so_and_goes_on(tmp_path: Path, whole: Path) -> None:
    path, out = write(tmp_path, MANY), tmp_path / "out"
    with running(path, out, 2) as started:
        family = psutil.Process(started.pid).children(recursive=True)
        started.send_signal(signal.SIGINT)
        _, stderr = started.communicate(timeout=60)
        assert started.returncode == 130 and stderr.strip().splitlines()[-1].startswith("hgesim: interrupted")
        assert "Traceback" not in stderr and not psutil.wait_procs(family, timeout=10)[1]
    assert 2 <= results(out) < 12
    assert "pending" in {row["verdict"] for row in rows(StudyFolder.load(out))}
    run_study(path, out, workers=2)
    assert (out / "table.csv").read_bytes() == (whole / "table.csv").read_bytes()


@pytest.mark.slow
def test_a_worker_killed_mid_run_costs_that_run_only(tmp_path: Path, whole: Path) -> None:
    path, out = write(tmp_path, MANY), tmp_path / "out"
    with running(path, out, 2) as started:
        busy: list[psutil.Process] = []
        for _ in range(1000):
            busy = simulators(psutil.Process(started.pid))
            if busy:
                break
            time.sleep(0.01)
        worker = busy[0].parent()
        assert worker is not None and worker.pid != started.pid
        before = {path: path.stat().st_mtime_ns for path in out.glob("workspace/*/result.json")}
        worker.kill()
        stdout, stderr = started.communicate(timeout=300)
        assert started.returncode == 0, stderr
        assert "Traceback" not in stderr and "worker-lost" not in stdout
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    assert (out / "table.csv").read_bytes() == (whole / "table.csv").read_bytes()


@pytest.mark.slow
def test_a_run_that_kills_every_worker_is_a_row(
    tmp_path: Path, osdi_engine: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deadly(job: Job) -> float:
        if job.settings["loop"]["seed"] == 4:
            os._exit(9)
        return perform(job)

    monkeypatch.setattr("hgesim.study.runner.perform", deadly)
    table = rows(run_study(write(tmp_path, QUICK), tmp_path / "out", workers=2))
    assert [row["verdict"] for row in table] == ["ok", "worker-lost", "refused"]
    assert table[1]["learnt"] is False and "workers died" in table[1]["reason"]


@pytest.mark.slow
def test_a_scheduler_with_two_workers(tmp_path: Path, whole: Path) -> None:
    """As on a cluster: scheduler and workers are started apart, reached over TCP."""
    dask = [sys.executable, "-m", "dask"]
    address = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = [
        subprocess.Popen(
            [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", address],
            **quiet,  # type: ignore[call-overload]
        )
    ]
    try:
        for _ in range(600):
            if address.exists() and address.read_text().endswith("}"):
                break
            time.sleep(0.05)
        place = json.loads(address.read_text())["address"]
        lonely = subprocess.run(
            command(write(tmp_path, MANY), tmp_path / "lonely", "--scheduler", place),
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert lonely.returncode == 2 and "[study.no-workers]" in lonely.stderr
        assert "Traceback" not in lonely.stderr
        worker = [*dask, "worker", place, "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path)]
        started += [subprocess.Popen(worker, **quiet) for _ in range(2)]  # type: ignore[call-overload]
        time.sleep(8)
        done = subprocess.run(
            command(tmp_path / "study.toml", tmp_path / "out", "--scheduler", place),
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=30)
    assert (tmp_path / "out" / "table.csv").read_bytes() == (whole / "table.csv").read_bytes()


@pytest.mark.slow
def test_two_workers_do_twice_the_runs_of_one(
    tmp_path: Path, osdi_engine: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Handing out costs next to nothing. The runs are naps: what else the machine does cannot spoil the figure."""

    def nap(job: Job) -> None:
        time.sleep(0.5)
        write_json({"verdict": "ok", "learnt": False}, Path(job.folder) / "result.json")

    monkeypatch.setattr("hgesim.study.runner.perform", nap)
    path = write(tmp_path, QUICK.replace("replicates = 3", "replicates = 24"))

    def rate(workers: int) -> float:
        stamps: list[float] = []
        out = tmp_path / str(workers)
        run_study(path, out, workers=workers, tell=lambda _: stamps.append(time.monotonic()))
        return (len(stamps) - 5) / (stamps[-1] - stamps[4])

    rates = rate(1), rate(2)
    print(f"{rates[0]:.3f} and {rates[1]:.3f} runs/s")
    assert rates[1] > 1.8 * rates[0] and rates[0] > 0.9 / 0.5


def test_command_line(tmp_path: Path, osdi_engine: object) -> None:
    """One short study by one worker process: run, status, report."""
    out = tmp_path / "out"
    done = CliRunner().invoke(app, command(write(tmp_path, QUICK), out, "--workers", "1")[3:])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[:3] == ["quick: 3 runs", "       2  not learnt", "       1  refused"]
    table = pandas.read_csv(out / "table.csv")
    assert list(table["loop.seed"]) == [3, 4, 5] and list(table["verdict"]) == ["ok", "ok", "refused"]
    assert (table["loss.final"][:2] > 0).all() and not table["learnt"].any()
    for word, says in (("status", "no process works on it"), ("report", "report.html")):
        told = CliRunner().invoke(app, ["study", word, str(out)])
        assert told.exit_code == 0 and says in told.stdout, told.output
    assert "0 of 3 runs learnt" in (out / "report.html").read_text()
