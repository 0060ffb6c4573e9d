"""Output folders: refused when in the way, marked while under way, complete only with a result."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hgesim.design import Design
from hgesim.engine import fill_folder
from hgesim.errors import RequestError
from hgesim.netlist import DECK, VACASK_DECK, write_files

__all__ = ["RESULT", "claim_folder", "netlist_folder", "write_json", "write_whole"]

RESULT = "result.json"
_MARKS = (RESULT, "config.json", DECK, VACASK_DECK, "screen.json")


def claim_folder(folder: Path, *, force: bool = False) -> Path:
    """Make an empty output folder.

    Parameters
    ----------
    folder : Path
        To be made. An empty one is taken as it is.
    force : bool
        Remove what an earlier run left there. A folder that does not look like a run's is never removed.

    Raises
    ------
    RequestError
        ``folder.exists``, ``folder.not-a-run`` or ``folder.not-writable``.
    """
    place = str(folder)
    try:
        if folder.is_dir() and any(folder.iterdir()):
            if not force:
                raise RequestError(
                    "folder.exists",
                    "the folder is not empty",
                    place=place,
                    remedy="choose another --out, or add --force",
                )
            if not any((folder / mark).is_file() for mark in _MARKS):
                raise RequestError(
                    "folder.not-a-run",
                    "the folder is not empty and holds no run",
                    place=place,
                    remedy="choose another --out",
                )
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise RequestError(
            "folder.not-writable", error.strerror or str(error), place=place, remedy="choose another --out"
        ) from None
    return folder


def netlist_folder(design: Design, folder: Path, dialect: str) -> Path:
    """Write a self-contained folder that the dialect's simulator runs as it is, and return it."""
    write_files(design.circuit, folder, dialect)
    fill_folder(folder)
    return folder


def write_whole(text: str, path: Path) -> Path:
    """Write a file that is either whole or as it was before."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
    return path


def write_json(data: Mapping[str, Any], path: Path) -> Path:
    """Write JSON as `write_whole` does."""
    return write_whole(json.dumps(data, indent=1, allow_nan=False, default=_plain) + "\n", path)


def _plain(value: Any) -> Any:
    """Turn numpy values into JSON's own."""
    return value.tolist()
