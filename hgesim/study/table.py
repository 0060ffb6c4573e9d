"""The table of a study: a row for every run, in the order of the plan, the same bytes whatever came in between."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hgesim.report.record import dig
from hgesim.study.parts import need
from hgesim.study.store import StudyFolder

__all__ = ["PENDING", "outcome", "rows", "write_tables"]

TABLE, TIMES, PARQUET = "table.csv", "times.csv", "table.parquet"
PENDING = "pending"
# places in result.json
_ERROR = "multirate.error.voltage"
_FIGURES = (
    "loss.initial",
    "loss.final",
    "score.name",
    "score.initial",
    "score.final",
    "separation.network.initial",
    "separation.network.final",
    "margin",
    _ERROR,
)
_NUMERIC = ("loss.", "score.initial", "score.final", "separation.", "margin", _ERROR)


def outcome(result: Mapping[str, Any] | None) -> str:
    """Say in a few words what became of a run: learnt, not learnt, in leaps, or the verdict that does not count.

    Parameters
    ----------
    result : mapping or None
        A result, or a row of the table.
    """
    if result is None:
        return PENDING
    if result.get("verdict") != "ok":
        return str(result.get("verdict"))
    leaps = " in leaps" if result.get(_ERROR) or dig(result, *_ERROR.split(".")) else ""
    return ("learnt" if result.get("learnt") else "not learnt") + leaps


def rows(folder: StudyFolder) -> list[dict[str, Any]]:
    """Return the table.

    Parameters
    ----------
    folder : StudyFolder
        Finished or not.

    Returns
    -------
    list of dict
        ``run`` (its name), its inputs by key, ``verdict`` (``pending`` where there is none yet), ``learnt`` (also of
        a run that does not count: False), ``reason`` why not, ``railed`` (the nets that ended at a limit), and the
        figures of the result by their places in it, such as ``loss.final`` in V^2, ``separation.network.final`` in
        ampere or ``multirate.error.voltage`` in volt; None where there is none. No wall time: the same study gives the
        same table.
    """
    figures = dict.fromkeys((*_FIGURES, *(name for name in folder.study.config.outcomes if name != "learnt")))
    table = []
    for number, inputs in enumerate(folder.study.runs):
        result = folder.result(number) or {"verdict": PENDING}
        valid = result["verdict"] == "ok"
        reason = result.get("reason" if valid else "message", "")
        if result["verdict"] == "timeout":
            reason = "time is up"  # the message tells a wall time
        row = {"run": folder.name(number), **inputs, "verdict": result["verdict"]}
        row |= {"learnt": bool(result.get("learnt")), "reason": reason, "railed": " ".join(result.get("railed", []))}
        table.append(row | {name: dig(result, *name.split(".")) if valid else None for name in figures})
    return table


def write_tables(folder: StudyFolder) -> list[dict[str, Any]]:
    """Write ``table.csv``, ``times.csv`` and, where pyarrow is installed, ``table.parquet``; return the rows."""
    table = rows(folder)
    _write_csv(table, folder.path / TABLE)
    _write_csv([_times(folder, number) for number in range(len(table))], folder.path / TIMES)
    if importlib.util.find_spec("pyarrow"):
        _write_parquet(table, folder.path / PARQUET)
    return table


def _times(folder: StudyFolder, number: int) -> dict[str, Any]:
    """Return the wall times of a run, in second: of the job, and of the simulator in it (the last start's)."""
    result = folder.result(number) or {}
    engine = [dig(result, "engine_s"), dig(result, "network_op", "engine_s")]
    spent = sum(value for value in engine if value is not None) if any(engine) else None
    return {"run": folder.name(number), "job_s": dig(result, "study", "job_s"), "engine_s": spent}


def _write_csv(table: list[dict[str, Any]], path: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table[0])
    writer.writerows([[_cell(value) for value in row.values()] for row in table])
    _replace(path, text.getvalue().encode())


def _cell(value: Any) -> str:
    """Write a value so that it reads back the same; nothing for None."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _write_parquet(table: list[dict[str, Any]], path: Path) -> None:
    frame = need("pandas").DataFrame(table)
    for name in frame.columns:
        if name.startswith(_NUMERIC):
            frame[name] = frame[name].astype(float)
    buffer = io.BytesIO()
    frame.to_parquet(buffer, engine="pyarrow", index=False)
    _replace(path, buffer.getvalue())


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)
