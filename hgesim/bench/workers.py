"""Many runs: two processes against one, in a study and among the restarts of one run."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from statistics import median

from hgesim.bench.child import example, run_hgesim
from hgesim.bench.figure import Bench, Figure, Pairs, Target, interleaved

__all__ = ["measure", "study_text"]

_FASTER = 1.8
_RUNS, _EPOCHS, _REPEATS = (2, 8), 4, 2
_PAIRS = (
    "Wall time of {command}, of {few} and of {many} {what}, with --workers 1 and with --workers 2; the difference of "
    "both, for each of them, so that what every command takes to begin stands apart (end_to_end: the ratio with it). "
    "Pairs in turn; ratio: one worker over two, median and range."
)
_STUDY = "GF180 transients of {epochs} epochs"
_RESTARTS = "starts that are given up or run to their end after {epochs} epochs, as the loop stands still (loop.rate=0)"


def study_text(runs: int, epochs: int) -> str:
    """Return a study of so many runs of the same length."""
    return (
        f'[study]\nname = "Workers"\nbase = "{example("xor.toml").as_posix()}"\n\n'
        f"[settings]\nloop.epochs = {epochs}\n\n"
        f'[factors]\nloop.dither = {{ range = ["8 mV", "12 mV"], levels = {runs} }}\n'
    )


def measure(bench: Bench) -> tuple[Figure, ...]:
    """Measure a study and restarts."""
    few, many = (2, 4) if bench.quick else _RUNS
    epochs = 1 if bench.quick else _EPOCHS
    places = (bench.folder / f"run{number}" for number in itertools.count())

    def study(runs: int, workers: int) -> float:
        bench.tell(f"a study of {runs} by {workers}")
        file = bench.folder / "study.toml"
        file.write_text(study_text(runs, epochs), encoding="utf-8")
        return run_hgesim("study", "run", file, "-o", next(places), "--workers", str(workers)).wall_s

    def restarts(starts: int, workers: int) -> float:
        bench.tell(f"{starts} starts by {workers}")
        still = (f"loop.epochs={epochs}", "loop.rate=0", "loop.patience=3", f"loop.restarts={starts - 1}")
        changes = [word for setting in still for word in ("--set", setting)]
        apart = ("--no-report", "--workers", str(workers))
        return run_hgesim("learn", example("xor.toml"), *changes, "-o", next(places), *apart).wall_s

    rows = (
        ("workers.study", "a run of a study by two processes, by one", study, "`hgesim study run`", _STUDY),
        ("workers.restarts", "a start by two processes, by one", restarts, "`hgesim learn`", _RESTARTS),
    )
    figures = []
    for name, what, work, command, words in rows:
        method = _PAIRS.format(command=command, few=few, many=many, what=words.format(epochs=epochs))
        pairs, details = _pairs(bench, work, (few, many))
        target = None if bench.quick else Target(_FASTER)
        figures.append(Figure(name, what, "s", **pairs.compared(), target=target, method=method, details=details))
    return tuple(figures)


def _pairs(bench: Bench, work: Callable[[int, int], float], sizes: tuple[int, int]) -> tuple[Pairs, dict[str, float]]:
    """Return the time for each of many by two processes and by one, and the ratio of whole commands."""
    few, many = sizes
    walls: dict[int, list[float]] = {1: [], 2: []}

    def each(workers: int) -> float:
        short, long = (work(size, workers) for size in sizes)
        walls[workers].append(long)
        return (long - short) / (many - few)

    pairs = interleaved(lambda: each(2), lambda: each(1), 1 if bench.quick else _REPEATS)
    return pairs, {"end_to_end": median(one / two for one, two in zip(walls[1], walls[2], strict=True))}
