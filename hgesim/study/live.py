"""What is seen of a study under way: a table that lives on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from hgesim.units import show_quantity

if TYPE_CHECKING:
    from rich.table import Table

    from hgesim.study.runner import Progress

__all__ = ["Live", "last_words", "remaining", "summary"]

_ROWS = 12
_LINE_S = 10.0


def remaining(seconds: float | None) -> str:
    """Write a time that is left: ``1:02:03``, ``4:05``, or a dash where it is not known."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def summary(progress: Progress) -> str:
    """Say how far a study is, in one line."""
    counted = ", ".join(
        f"{count} {name}" for name, count in sorted(progress.outcomes.items(), key=lambda item: -item[1])
    )
    left = f"; {remaining(progress.left_s)} left" if progress.left_s and progress.done < progress.total else ""
    return f"{progress.done} of {progress.total} runs" + (f": {counted}" if counted else "") + left


def last_words(progress: Progress) -> tuple[str, ...]:
    """Return the run that finished last as cells: name, inputs, what became of it, loss, wall time."""
    assert progress.last is not None
    name, inputs, result = progress.last
    loss = result.get("loss")
    came = "learnt" if result.get("learnt") else "not learnt" if result["verdict"] == "ok" else str(result["verdict"])
    fell = " → ".join(show_quantity(loss[when] ** 0.5, "V") for when in ("initial", "final")) if loss else ""
    told = ", ".join(f"{key.split('.')[-1]} {_plain(value)}" for key, value in inputs.items())
    spent = result.get("study", {}).get("job_s")
    return name[:8], told, came, fell, f"{spent:.1f} s" if spent is not None else ""


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class Live:
    """Shows a study's progress on standard error."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._console = Console(stderr=True)
        self._now: Progress | None = None
        self._at = self._line = time.monotonic()
        self._rows: list[tuple[str, ...]] = []
        self._live = RichLive(console=self._console, get_renderable=self._table, refresh_per_second=2, transient=True)

    def __enter__(self) -> Live:
        """Begin to show."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        """Clear the table away."""
        if self._console.is_terminal:
            self._live.stop()

    def show(self, progress: Progress) -> None:
        """Take note of a run that finished."""
        self._now, self._at = progress, time.monotonic()
        if progress.last is not None:
            self._rows = [*self._rows, last_words(progress)][-_ROWS:]
        if not self._console.is_terminal and self._at - self._line > _LINE_S:
            self._line = self._at
            print(f"hgesim: {summary(progress)}", file=sys.stderr, flush=True)

    def _table(self) -> Table:
        from dataclasses import replace

        from rich import box
        from rich.table import Table
        from rich.text import Text

        title = "starting workers"
        if (now := self._now) is not None:
            left = None if now.left_s is None else max(0.0, now.left_s - (time.monotonic() - self._at))
            plural = "" if now.workers == 1 else "s"
            title = f"{summary(replace(now, left_s=left))}; {now.workers} worker{plural}"
        table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
        for head, side in (("run", "left"), ("inputs", "left"), ("", "left"), ("rms error", "left"), ("time", "right")):
            table.add_column(head, justify=side, no_wrap=head != "inputs")  # type: ignore[arg-type]
        for row in self._rows:
            style = {"learnt": "green", "not learnt": "yellow"}.get(row[2], "red")
            table.add_row(*(Text(cell, style=style if place == 2 else "") for place, cell in enumerate(row)))
        return table
