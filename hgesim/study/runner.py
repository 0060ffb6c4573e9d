"""Runs of a study go to worker processes, here or on a cluster, and come back as results on disk."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hgesim._version import __version__
from hgesim.errors import HgeError, RequestError
from hgesim.study.parts import need
from hgesim.study.plan import Inputs, Study, read_study
from hgesim.study.store import STUDY, StudyFolder
from hgesim.study.table import outcome, write_tables
from hgesim.study.work import LOST, Job, check_worker, failure, is_full, perform

__all__ = ["Progress", "run_study"]

_CONNECT_S = 30.0
# A run that was under way on so many workers when they died is to blame itself.
_DEATHS = 3
_DASK = {
    "distributed.scheduler.allowed-failures": _DEATHS - 1,
    "distributed.worker.memory.terminate": False,
    "distributed.comm.timeouts.connect": f"{_CONNECT_S:g}s",
    "distributed.admin.large-graph-warning-threshold": "1GB",
}
# without a dashboard too the scheduler listens at port 8787, and warns where another study has it
_NO_PAGE = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}


@dataclass(frozen=True)
class Progress:
    """How far a study is.

    Parameters
    ----------
    done, total : int
        Runs, each folder once.
    outcomes : dict of str to int
        How many came out as ``learnt``, ``not learnt`` or with a verdict that does not count.
    workers : int
        Worker processes.
    left_s : float or None
        Estimate of the wall time left, in second; None before the first run of this session is done.
    last : tuple of (str, dict, dict) or None
        Name, inputs and result of the run that finished last.
    """

    done: int
    total: int
    outcomes: dict[str, int]
    workers: int
    left_s: float | None = None
    last: tuple[str, Inputs, dict[str, Any]] | None = None


def run_study(
    path: str | Path,
    out: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    tell: Callable[[Progress], None] | None = None,
) -> StudyFolder:
    """Do every run of a study that has no result yet.

    Interrupted or killed, the same call goes on where it stopped. In a script of your own call it below
    ``if __name__ == "__main__":``, because worker processes import the script.

    Parameters
    ----------
    path : str or Path
        Study file, see `hgesim.study.read_study`.
    out : str or Path
        Folder of the study.
    workers : int, optional
        Local worker processes; by default as many as there are processors.
    scheduler : str, optional
        Address of a Dask scheduler whose workers do the runs instead, such as ``tcp://10.0.0.1:8786``. They need
        hgesim of the same version, and must see `out` and the files of the settings under the same names.
    tell : callable, optional
        Called with a `Progress` at the start and after each run.

    Returns
    -------
    StudyFolder
        Complete: every run has a verdict, and the table is written.

    Raises
    ------
    RequestError
        What `hgesim.study.read_study` refuses; ``study.bad-workers``, ``study.no-scheduler``, ``study.locked``,
        ``study.changed``, ``study.other-engine``, ``folder.*``.
    EngineError
        An engine or a model is missing.
    HgeError
        ``study.no-space`` on a full disk, ``study.scheduler-lost``; both can go on later.
    """
    study = read_study(path)
    if workers is not None and workers < 1:
        raise RequestError("study.bad-workers", f"{workers}", place="--workers", remedy="at least 1")
    if workers is not None and scheduler is not None:
        raise RequestError("study.bad-workers", "a scheduler has its own", place="--workers", remedy="leave it out")
    here = None if scheduler is not None else check_worker(_probes(study), str(path))
    try:
        folder = StudyFolder.claim(out, study)
        with folder.alone():
            missing = folder.missing()
            if missing:
                if here is not None:
                    folder.keep_to(here)
                count = min(workers or os.cpu_count() or 1, len(missing))
                with _local(folder, count) if scheduler is None else _remote(folder, scheduler) as client:
                    _perform_all(folder, client, missing, tell)
            elif tell is not None:
                tell(_Count(folder, [], 0).progress())
            write_tables(folder)
    except OSError as error:
        if not is_full(error):
            raise
        raise HgeError(
            "study.no-space",
            error.strerror or "the disk is full",
            place=str(out),
            remedy="make room and give the same command again: it goes on where it stopped",
        ) from None
    return folder


def _probes(study: Study) -> list[Job]:
    """Return the first run, and it with every other text that a list offers: a missing block is refused at once."""
    first = study.runs[0]
    texts = [{factor.key: value} for factor in study.factors for value in factor.values if isinstance(value, str)]
    return [Job(study.settings_of(first | text), str(study.folder), "") for text in [{}, *texts]]


def _perform_all(folder: StudyFolder, client: Any, missing: list[int], tell: Callable[[Progress], None] | None) -> None:
    """Hand out as many runs as there are workers, and another for each that ends: none waits behind one that kills."""
    count = _Count(folder, missing, _threads(client))
    if tell is not None:
        tell(count.progress())
    local, waiting, numbers = client.cluster is not None, iter(missing), dict[Any, int]()
    ended = need("distributed").as_completed(loop=client.loop)

    def hand_out() -> None:
        count.workers = _threads(client)
        for number in itertools.islice(waiting, max(0, max(1, count.workers) - len(numbers))):
            future = client.submit(perform, _job(folder, number, local), pure=False)
            numbers[future] = number
            ended.add(future)

    hand_out()
    for future in ended:
        number = numbers.pop(future)
        _settle(folder, number, future)
        hand_out()
        count.add(number, folder.result(number) or {})
        if tell is not None:
            tell(count.progress())


def _threads(client: Any) -> int:
    return int(sum(client.nthreads().values()))


def _job(folder: StudyFolder, number: int, local: bool) -> Job:
    study = folder.study
    return Job(
        study.settings_of(study.runs[number]),
        str(study.folder),
        str(folder.make(number)),
        study.config.keep,
        str(folder.scratch / "runs") if local else None,
    )


def _settle(folder: StudyFolder, number: int, future: Any) -> None:
    """Take note of how a task ended; what says nothing of its run stops the study."""
    distributed = need("distributed")
    try:
        error = future.exception()
    except need("concurrent.futures").CancelledError as gone:
        error = gone
    if isinstance(error, distributed.scheduler.KilledWorker):
        folder.store(number, failure(LOST, f"{_DEATHS} workers died while they did this run"))
    elif isinstance(error, HgeError | OSError):
        raise error
    elif error is not None:
        raise HgeError(
            "study.scheduler-lost",
            f"the scheduler gave a run back: {type(error).__name__}",
            remedy="give the same command again: it goes on where it stopped",
        )


class _Count:
    """Counts what came out, and estimates the time that is left."""

    def __init__(self, folder: StudyFolder, missing: list[int], workers: int) -> None:
        self._folder, self.workers, self._began = folder, workers, time.monotonic()
        self._outcomes: Counter[str] = Counter()
        names: dict[str, int] = {}
        for number in range(len(folder.study.runs)):
            names.setdefault(folder.name(number), number)
        self._total, self._new = len(names), 0
        for number in set(names.values()) - set(missing):
            self._outcomes[outcome(folder.result(number))] += 1
        self._last: tuple[str, Inputs, dict[str, Any]] | None = None

    def add(self, number: int, result: dict[str, Any]) -> None:
        self._outcomes[outcome(result)] += 1
        self._new += 1
        self._last = self._folder.name(number), self._folder.study.runs[number], result

    def progress(self) -> Progress:
        done = sum(self._outcomes.values())
        left = (time.monotonic() - self._began) / self._new * (self._total - done) if self._new else None
        return Progress(done, self._total, dict(self._outcomes), self.workers, left, self._last)


# ---- where the work is done --------------------------------------------------------------------------------------


@contextmanager
def _local(folder: StudyFolder, workers: int) -> Iterator[Any]:
    """Start worker processes on this machine, reachable from here only; they end with this process."""
    distributed, dask = need("distributed"), need("dask")
    with dask.config.set(_DASK):
        cluster = distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            scheduler_kwargs=_NO_PAGE,
            memory_limit=0,
            local_directory=str(folder.scratch),
            silence_logs=logging.CRITICAL + 1,
        )
        client = distributed.Client(cluster, set_as_default=False)
        try:
            client.run(_ignore_interrupts)
            yield client
        finally:
            client.close()
            cluster.close()


def _ignore_interrupts() -> None:
    """Leave Ctrl-C in a terminal, which reaches workers as well, to the study's own process."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _remote(folder: StudyFolder, address: str) -> Iterator[Any]:
    """Reach a scheduler that somebody else started, and try what each of its workers can do."""
    distributed, dask = need("distributed"), need("dask")
    with dask.config.set(_DASK):
        try:
            client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise RequestError(
                "study.no-scheduler",
                f"no Dask scheduler answers: {str(error).splitlines()[0]}",
                place=f"--scheduler {address}",
                remedy="start one: dask scheduler",
            ) from None
        with client:
            workers = list(client.scheduler_info(n_workers=-1)["workers"])
            if not workers:
                raise RequestError(
                    "study.no-workers",
                    "the scheduler has no worker",
                    place=f"--scheduler {address}",
                    remedy=f"start one: dask worker {address} --nthreads 1",
                )
            _check_workers(client, workers, folder)
            yield client


def _check_workers(client: Any, workers: list[str], folder: StudyFolder) -> None:
    jobs = _probes(folder.study)
    marker = str(folder.path / STUDY)
    tries = [client.submit(check_worker, jobs, marker, workers=[name], pure=False) for name in workers]
    for name, future in zip(workers, tries, strict=True):
        error = future.exception()
        if isinstance(error, HgeError):
            raise type(error)(
                error.code, error.message, place=f"worker {name}: {error.place}", remedy=error.remedy
            ) from None
        found = {"hgesim": "none"} if error is not None else future.result()
        if (version := found["hgesim"]) != __version__:
            raise HgeError(
                "study.other-version",
                f"hgesim {version} there, {__version__} here",
                place=f"worker {name}",
                remedy="install the same version on both",
            )
        folder.keep_to(found, f"worker {name}")
