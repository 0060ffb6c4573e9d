"""A stored run as one frozen value; whatever is missing or broken is noted, never raised."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim.errors import HgeError, RequestError
from hgesim.network import Network, read_network

__all__ = ["Record", "dig", "items", "numbers", "read_record", "real", "text"]

FloatArray = NDArray[np.float64]
LOG_LINES = 8
_TELLING = ("error", "warning", "fatal", "singular", "abort", "too small", "fail", "convergence", "nan")


@dataclass(frozen=True)
class Record:
    """What a run folder holds.

    Parameters
    ----------
    folder : pathlib.Path
        Where it lies; never printed, so that a copied run gives the same page.
    result, config : mapping
        ``result.json`` and ``config.json``, empty when there is none.
    network : Network or None
        From ``network.json``.
    waveforms : pathlib.Path or None
        ``waveforms.nc`` when it exists.
    deck : str
        Path of the deck inside the folder, or empty.
    log : tuple of str
        Lines of ``engine.log`` that tell of trouble, and the last four.
    notes : tuple of str
        What could not be read, in plain words.
    """

    folder: Path
    result: Mapping[str, Any]
    config: Mapping[str, Any]
    network: Network | None
    waveforms: Path | None
    deck: str
    log: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """The engine's verdict, or ``missing``."""
        return text(self.result, "verdict") or "missing"

    @property
    def valid(self) -> bool:
        """Whether the simulation counts."""
        return self.verdict == "ok"

    @property
    def learnt(self) -> bool:
        """Whether the task is learnt: only a valid run can say so."""
        return self.valid and self.result.get("learnt") is True


def read_record(folder: Path) -> Record:
    """Read what is there of a run.

    Raises
    ------
    RequestError
        ``report.no-folder`` when `folder` is no directory.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RequestError("report.no-folder", "there is no such folder", place=str(folder))
    notes: list[str] = []
    waveforms = folder / "waveforms.nc"
    if not waveforms.is_file():
        notes.append("waveforms.nc is missing: no raw waveforms and no spectrum are shown.")
    found = (path for ending in ("cir", "sim") for path in (folder / "netlist").glob(f"*.{ending}"))
    decks = sorted(path.relative_to(folder).as_posix() for path in found)
    return Record(
        folder=folder,
        result=_read_json(folder / "result.json", notes),
        config=_read_json(folder / "config.json", notes),
        network=_read_network(folder / "network.json", notes),
        waveforms=waveforms if waveforms.is_file() else None,
        deck=decks[0] if decks else "",
        log=_tail(folder / "engine.log"),
        notes=tuple(notes),
    )


def dig(data: object, *path: str | int) -> Any:
    """Follow keys and indices into nested mappings and lists; None where the path breaks."""
    for step in path:
        if isinstance(data, Mapping):
            data = data.get(step)
        elif isinstance(data, list | tuple) and isinstance(step, int) and -len(data) <= step < len(data):
            data = data[step]
        else:
            return None
    return data


def items(data: object, *path: str | int) -> list[Any]:
    """Return the list at a path, or an empty one."""
    value = dig(data, *path)
    return list(value) if isinstance(value, list | tuple) else []


def real(data: object, *path: str | int) -> float | None:
    """Return a finite number at a path, or None."""
    value = dig(data, *path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def text(data: object, *path: str | int) -> str:
    """Return the text or number at a path as text, or the empty text."""
    value = dig(data, *path)
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def numbers(data: object, *path: str | int) -> FloatArray:
    """Return a list of numbers at a path as an array, NaN for what is none; empty where there is no list."""
    values = dig(data, *path)
    if not isinstance(values, list | tuple):
        return np.zeros(0)
    return np.array([np.nan if (found := real([value], 0)) is None else found for value in values], dtype=float)


def _read_json(path: Path, notes: list[str]) -> Mapping[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        notes.append(f"{path.name} is missing.")
        return {}
    except (OSError, ValueError) as problem:
        notes.append(f"{path.name} cannot be read ({type(problem).__name__}).")
        return {}
    if not isinstance(data, dict):
        notes.append(f"{path.name} holds no settings.")
        return {}
    return data


def _read_network(path: Path, notes: list[str]) -> Network | None:
    if not path.is_file():
        notes.append("network.json is missing: the network is not drawn.")
        return None
    try:
        return read_network(path)
    except HgeError as problem:
        notes.append(f"network.json cannot be read ({problem.code}).")
        return None


def _tail(path: Path) -> tuple[str, ...]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(0, size - 32768))
            lines = file.read().decode("utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    lines = [line[:200] for line in lines if line.strip()]
    telling = [line for line in lines[:-4] if any(word in line.lower() for word in _TELLING)]
    return (*telling[-LOG_LINES:], *lines[-4:])
