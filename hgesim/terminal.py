"""What the command line says while something runs, and after it has."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hgesim.experiment import GradientRun, Run, Status
    from hgesim.study import StudyFolder

__all__ = ["Live", "say", "tell_along", "tell_gradient", "tell_run", "tell_study"]


class Live:
    """One line that lives while the engine runs; nothing at all when not on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.fields[time]}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:3.0f} %  {task.fields[rate]}  {task.fields[loss]}  left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("", time="starting", rate="", loss="", total=None)

    def __enter__(self) -> Live:
        """Show the line."""
        self._progress.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        """Take it away."""
        self._progress.__exit__(*exception)

    def show(self, status: Status) -> None:
        """Renew the line."""
        from hgesim.units import show_quantity

        at = status.progress
        rate = f"{show_quantity(at.simulated_s / at.wall_s, 's')}/s" if at.wall_s > 0 and at.simulated_s > 0 else ""
        loss = ""
        if status.loss is not None:
            shown = f"{show_quantity(status.loss**0.5, 'V')} rms" if status.unit == "V^2" else f"{status.loss:.3g}"
            loss = f"epoch {status.epoch}/{status.epochs}  loss {shown}"
        time = f"{show_quantity(at.simulated_s, 's')} of {show_quantity(at.end_s, 's')}"
        if status.attempt:
            time = f"start {status.attempt + 1}: {time}"
        self._progress.update(self._task, completed=at.simulated_s, total=at.end_s, time=time, rate=rate, loss=loss)


def say(words: str) -> None:
    """Say where a long job is, to people only."""
    if sys.stderr.isatty():
        print(words, file=sys.stderr, flush=True)


def tell_gradient(run: GradientRun, reported: bool) -> None:
    """Print the medians, a line for each thing differentiated, and where the rest is."""
    result = run.result
    if run.verdict != "ok":
        print(f"{run.verdict}: {result['message']}", file=sys.stderr)
    for of, found in result.get("summary", {}).items():
        shown = {row["against"]: row for row in found["comparisons"] if row["of"] == "measured"}
        said = ", ".join(
            f"{words} {row['angle_deg']:.2g} deg and {row['relative_error']:.2%}"
            for words, row in (("electronics alone", shown["dithered"]), ("against the exact one", shown["exact"]))
        )
        print(f"gradient of the {of}, medians of {shown['exact']['points']} points: {said}")
    print(f"report: {run.folder / 'report.html'}" if reported else f"results: {run.folder}")


def tell_study(folder: StudyFolder) -> None:
    """Print how many runs came out how."""
    from collections import Counter

    from hgesim.study.table import outcome

    names = {folder.name(number): number for number in range(len(folder.study.runs))}
    came = Counter(outcome(folder.result(number)) for number in names.values())
    print(f"{folder.study.config.name}: {len(names)} runs")
    for name, count in came.most_common():
        print(f"{count:8d}  {name}")
    print(
        f"table: {folder.path / 'table.csv'}" if "pending" not in came else "the same study run goes on with the rest"
    )


def tell_run(run: Run, reported: bool) -> None:
    """Print the outcome in one line, and where the rest is."""
    from hgesim.units import show_quantity

    result = run.result
    if run.verdict != "ok":
        print(f"{run.verdict}: {result['message']}", file=sys.stderr)
    else:
        loss, figure, attempts = run.loss, result["score"], result["attempts"]
        word = ("learnt" if run.learnt else f"not learnt: {result['reason']}") + _leaps(result)
        gap = result.get("separation", {}).get("network")
        apart = (
            f"separation {show_quantity(gap['initial'], 'A')} -> {show_quantity(gap['final'], 'A')}, " if gap else ""
        )
        again = f" at transient {len(attempts)}" if len(attempts) > 1 else ""
        again += f"; by Python: {', '.join(parts)}" if (parts := result.get("python_parts")) else ""
        unit = {"1": ""}.get(unit := result["loss"].get("unit", "V^2"), f" {unit}")
        print(
            f"{result['task']['name']} {word}{again}; loss {loss['initial']:.3g} -> {loss['final']:.3g}{unit}, "
            f"network alone: {apart}{figure['name']} {figure['initial']:.3g} -> {figure['final']:.3g}; "
            f"{result['transistors']} transistors, {result['timepoints']} time points, {result['wall_s']:.0f} s"
        )
    print(f"report: {run.folder / 'report.html'}" if reported else f"results: {run.folder}")


def _leaps(result: dict[str, Any]) -> str:
    """Say how much of a run in leaps was simulated, and how sure its controls are; nothing of any other run."""
    from hgesim.units import show_quantity

    found = result.get("multirate")
    if found is None:
        return ""
    given_up = f"; leaps given up: {found['fallback']['reason']}" if found["fallback"] else ""
    if not found["epochs"]["leapt"]:
        return f" (simulated whole{given_up})"
    error = found["error"]
    return (
        f" (in leaps: {found['factor']:.3g} times less simulated, controls within an estimated "
        f"{show_quantity(error['voltage'], 'V', 2)}, {error['share']:.1%} of their range{given_up})"
    )


def tell_along(found: dict[str, Any]) -> None:
    """Print an epoch a line: windows that count, the median of their angles, the epoch's own, its move, its slope."""
    from statistics import median

    from hgesim.units import show_quantity

    def degrees(angle: float | None) -> str:
        return "-" if angle is None else f"{angle:.1f}"

    print(f"{'epoch':>5s}{'windows':>9s}{'angle, deg':>12s}{'whole, deg':>12s}{'move':>11s}{'exact slope':>17s}")
    past = found["history"]
    for k, whole in enumerate(past["epoch_angle_deg"]["controls"]):
        counted = past["counted"][k]
        angles = [a for a, counts in zip(past["window_angle_deg"]["controls"][k], counted, strict=True) if counts]
        print(
            f"{k + 1:5d}{f'{len(angles)} of {len(counted)}':>9s}{degrees(median(angles) if angles else None):>12s}"
            f"{degrees(whole):>12s}{show_quantity(past['move'][k], 'V'):>11s}{past['slope'][k]:>12.3g} V^2/V"
        )
    if found["reason"]:
        print(f"no angle to the exact descent: {found['reason']}")
        return
    windows, epochs = found["window"], found["epoch"]
    print(
        "median angle of the controls' moves to the exact descent: "
        f"{degrees(windows['angle_deg']['controls'])} deg over {windows['counted']} of {windows['of']} windows, "
        f"{degrees(epochs['angle_deg']['controls'])} deg over {epochs['counted']} of {epochs['of']} epochs, "
        f"{epochs['downhill']} of them downhill"
    )
