"""The folder of a study: one folder a run, named by its inputs; one process at a time; never another study's."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hgesim.errors import RequestError
from hgesim.experiment import Run
from hgesim.experiment.folder import RESULT, write_json
from hgesim.study.parts import need
from hgesim.study.plan import Inputs, Study, study_from

__all__ = ["StudyFolder"]

STUDY, ENGINE = "study.json", "engine.json"
_LOCK = ".lock"
_SCRATCH = ".scratch"
_SHOWN = 3  # differences told


class StudyFolder:
    """A study and the folder its runs are in, a signac project.

    Parameters
    ----------
    path : Path
        Holds ``study.json``, ``engine.json``, ``workspace/<run>/`` (signac's), ``table.csv``, ``table.parquet``,
        ``times.csv`` and ``report.html``.
    study : Study
        What is run there.
    """

    def __init__(self, path: Path, study: Study) -> None:
        self.path, self.study = path, study
        self._project = need("signac").init_project(str(path))
        names: dict[str, Path] = {}
        self._folders = [names.setdefault(job.id, Path(job.path)) for job in map(self._job, study.runs)]

    @classmethod
    def load(cls, path: str | Path) -> StudyFolder:
        """Open the folder of a study, under way or finished.

        Raises
        ------
        RequestError
            ``study.no-study`` when there is none.
        """
        path = Path(path).absolute()
        try:
            study = study_from(json.loads((path / STUDY).read_text(encoding="utf-8"))["source"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise RequestError(
                "study.no-study", f"no readable {STUDY}", place=str(path), remedy="give the --out of hgesim study run"
            ) from None
        return cls(path, study)

    @classmethod
    def claim(cls, path: str | Path, study: Study) -> StudyFolder:
        """Make the folder of a study, or open it where the same study began before.

        Raises
        ------
        RequestError
            ``folder.exists`` for a folder of something else, ``study.changed`` with the differences,
            ``folder.not-writable``.
        """
        path = Path(path).absolute()
        told = {"source": study.source, "files": study.files()}
        try:
            if (path / STUDY).is_file():
                _refuse_changed(json.loads((path / STUDY).read_text(encoding="utf-8")), told, path)
                return cls(path, study)
            if path.is_dir() and any(path.iterdir()):
                raise RequestError(
                    "folder.exists",
                    "the folder is not empty and holds no study",
                    place=str(path),
                    remedy="choose another --out",
                )
            path.mkdir(parents=True, exist_ok=True)
            write_json(told, path / STUDY)
            return cls(path, study)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise RequestError("folder.not-writable", why, place=str(path), remedy="choose another --out") from None

    @property
    def scratch(self) -> Path:
        """Return where local workers work; it goes when the study's process ends."""
        return self.path / _SCRATCH

    def folder(self, number: int) -> Path:
        """Return the folder of a run, by its number in the plan."""
        return self._folders[number]

    def name(self, number: int) -> str:
        """Return the name of a run."""
        return self._folders[number].name

    def make(self, number: int) -> Path:
        """Make the folder of a run, which tells its inputs."""
        self._job(self.study.runs[number]).init()
        return self._folders[number]

    def result(self, number: int) -> dict[str, Any] | None:
        """Return the result of a run, None while it has none."""
        try:
            return Run.load(self._folders[number]).result
        except RequestError:
            return None

    def store(self, number: int, result: Mapping[str, Any]) -> None:
        """Store the result of a run that could not store its own."""
        write_json(result, self.make(number) / RESULT)

    def missing(self) -> list[int]:
        """Return the numbers of the runs without a result, each folder once."""
        first: dict[Path, int] = {}
        for number, folder in enumerate(self._folders):
            first.setdefault(folder, number)
        return [number for folder, number in first.items() if not (folder / RESULT).is_file()]

    def _job(self, inputs: Inputs) -> Any:
        point: dict[str, dict[str, Any]] = {}
        for key, value in inputs.items():
            section, _, name = key.partition(".")
            point.setdefault(section, {})[name] = value
        return self._project.open_job(point)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes out of the folder, until the end or the death of this one.

        Raises
        ------
        RequestError
            ``study.locked`` when another has it.
        """
        with (self.path / _LOCK).open("a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                raise RequestError(
                    "study.locked",
                    f"process {lock.read().strip() or 'of unknown number'} works on this study",
                    place=str(self.path),
                    remedy="wait for it; hgesim study status shows how far it is",
                ) from None
            lock.truncate(0)
            lock.write(f"{os.getpid()} on {os.uname().nodename}")
            lock.flush()
            shutil.rmtree(self.scratch, ignore_errors=True)
            try:
                yield
            finally:
                shutil.rmtree(self.scratch, ignore_errors=True)

    def keep_to(self, found: Mapping[str, str], who: str = "this machine") -> None:
        """Take note of what the runs are done with; refuse anything else than what they began with.

        Parameters
        ----------
        found : mapping of str to str
            From `hgesim.study.work.check_worker`.
        who : str
            Where it was found.

        Raises
        ------
        RequestError
            ``study.other-engine`` with the differences: the same inputs would give other figures in one table.
        """
        try:
            before = json.loads((self.path / ENGINE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            write_json(found, self.path / ENGINE)
            return
        changes = _changes(_flat(before), _flat(found))
        if changes:
            raise RequestError(
                "study.other-engine",
                f"the runs of this folder are done with another: {_told(changes)}",
                place=f"{who}, {self.path}",
                remedy="use the same engine and models, or choose another --out",
            )

    def busy(self) -> bool:
        """Tell whether a process works on the study."""
        try:
            with (self.path / _LOCK).open("r", encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False


def _refuse_changed(stored: Mapping[str, Any], told: Mapping[str, Any], path: Path) -> None:
    before, after = _flat(stored), _flat(told)
    for side in (before, after):
        side.pop("source.place", None)
    changes = _changes(before, after)
    if changes:
        raise RequestError(
            "study.changed",
            f"the study is not the one this folder began with: {_told(changes)}",
            place=str(path),
            remedy="undo the change, or choose another --out",
        )


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [
        f"{key.removeprefix('source.').removeprefix('study.')}: {before.get(key, 'nothing')} -> "
        f"{after.get(key, 'nothing')}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


def _told(changes: list[str]) -> str:
    more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
    return "; ".join(changes[:_SHOWN]) + more


def _flat(value: Any, name: str = "") -> dict[str, str]:
    """Return nested tables as dotted names and values as text."""
    if isinstance(value, Mapping):
        return {key: text for part, inner in value.items() for key, text in _flat(inner, f"{name}.{part}").items()}
    return {name.removeprefix("."): json.dumps(value)}
