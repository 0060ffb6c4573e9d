"""What a worker does: one run, from its settings to a stored result, whatever becomes of it."""

from __future__ import annotations

import errno
import hashlib
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hgesim._version import __version__
from hgesim.config import parse_config, settings_toml
from hgesim.engine import Verdict, gf180_models
from hgesim.engine.models import GF180_FILES
from hgesim.errors import EngineError, HgeError
from hgesim.experiment import Experiment
from hgesim.experiment.build import located
from hgesim.experiment.folder import RESULT, write_json

__all__ = ["FAILED", "LOST", "REFUSED", "SETTINGS", "Job", "check_worker", "failure", "is_full", "perform"]

REFUSED, FAILED, LOST = "refused", "failed", "worker-lost"
SETTINGS = "settings.toml"
_PROBE = 1 << 20  # bytes that must find room where a run ended badly


@dataclass(frozen=True)
class Job:
    """One run to do.

    Parameters
    ----------
    settings : dict
        As `hgesim.config.parse_config` takes them.
    base : str
        Folder that relative file names in them refer to.
    folder : str
        Where the result goes.
    keep : str
        ``results`` or ``all``.
    scratch : str or None
        Folder to work in; None: the system's for temporary files.
    """

    settings: dict[str, Any]
    base: str
    folder: str
    keep: str = "results"
    scratch: str | None = None


def perform(job: Job) -> float:
    """Do a run and store what is to be kept, the result last; return the wall time in second.

    A run that cannot be done is a result as well: ``refused`` where hgesim says why its settings cannot run,
    ``failed`` on any other error.

    Raises
    ------
    EngineError
        An engine or a model is missing on this machine: that says nothing of the run.
    OSError
        A full disk, likewise.
    """
    began = time.monotonic()
    if (Path(job.folder) / RESULT).is_file():
        return 0.0  # done before, by a worker that died with the answer
    if job.scratch is not None:
        Path(job.scratch).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=job.scratch, ignore_cleanup_errors=True) as private:
        work = Path(private, "run")
        try:
            config = parse_config(job.settings)
            run = Experiment.from_config(config, job.base).run(work, waveforms=job.keep == "all", workers=1)
            result = dict(run.result)
            if run.verdict != Verdict.OK:
                _refuse_full(work)
        except (EngineError, OSError):
            raise
        except HgeError as error:
            if error.code.startswith("folder."):
                raise
            result = failure(REFUSED, str(error))
        except Exception as error:
            result = failure(FAILED, f"{type(error).__name__}: {error}".replace(private, ""))
        work.mkdir(exist_ok=True)
        told = located(parse_config(job.settings), Path(job.base)).model_dump(mode="json", exclude_unset=True)
        (work / SETTINGS).write_text(settings_toml(told, "One run of a study. SI units."), encoding="utf-8")
        result["study"] = {"job_s": time.monotonic() - began}
        _publish(work, Path(job.folder), result, job.keep)
    return time.monotonic() - began


def _publish(work: Path, folder: Path, result: Mapping[str, Any], keep: str) -> None:
    """Bring what is kept to the run's folder; only with a result there the run counts as done."""
    kept = {"config.json", SETTINGS} | ({"engine.log"} if result["verdict"] != Verdict.OK else set())
    folder.mkdir(parents=True, exist_ok=True)
    for item in sorted(work.iterdir()):
        if item.name == RESULT or (keep == "results" and item.name not in kept):
            continue
        target = folder / item.name
        if target.is_dir():
            shutil.rmtree(target)
        shutil.move(item, target)
    write_json(result, folder / RESULT)


def _refuse_full(folder: Path) -> None:
    """Raise what a full disk raises: a simulator that could not write is no verdict on the run."""
    probe = folder / ".probe"
    probe.write_bytes(bytes(_PROBE))
    probe.unlink()


def failure(verdict: str, message: str) -> dict[str, Any]:
    """Return the result of a run that has none of its own."""
    return {
        "hgesim_version": __version__,
        "verdict": verdict,
        "message": " ".join(message.split()),
        "learnt": False,
        "reason": "the simulation is not valid",
    }


def check_worker(jobs: list[Job], marker: str) -> dict[str, str]:
    """Try whether this machine can do the jobs, without running them; return what decides their results here.

    That is hgesim's version, the engines' names and versions with the dialect they get, and the SHA-256 of the
    foundry's model files where a job has such transistors.

    Raises
    ------
    HgeError
        As `hgesim.experiment.Experiment.run` before it starts; ``study.no-folder`` where `marker`, a file of the
        study, is not seen.
    """
    if not Path(marker).is_file():
        raise EngineError(
            "study.no-folder",
            "the worker does not see the study's folder",
            place=marker,
            remedy="put it on a disk that all workers share, under the same name",
        )
    engines, foundry = set[str](), False
    for job in jobs:
        experiment = Experiment.from_config(parse_config(job.settings), job.base)
        engine, dialect = experiment.engine()
        experiment.refuse_missing_parts(dialect)
        engines.add(f"{engine.name} {engine.version} {dialect}")
        foundry |= experiment.design.circuit.foundry
    return {"hgesim": __version__, "engine": ", ".join(sorted(engines)), "models": _models() if foundry else "none"}


def _models() -> str:
    folder = gf180_models()
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in GF180_FILES)).hexdigest()


def is_full(error: OSError) -> bool:
    """Tell whether an error says that a disk is full or a quota spent."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
