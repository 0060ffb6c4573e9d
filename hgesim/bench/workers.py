"""Many runs: two processes against one, in a study and among the restarts of one run."""

from __future__ import annotations

from pathlib import Path

from hgesim.bench.child import example, run_hgesim
from hgesim.bench.figure import Bench, Figure, Target, interleaved

__all__ = ["measure", "study_text"]

_FASTER = 1.8
_RUNS, _EPOCHS, _STARTS = 16, 4, 6
_STUDY = (
    "Wall time of `hgesim study run`, {runs} GF180 transients of {epochs} epochs, with --workers 1 and with "
    "--workers 2, start-up of the workers included. Pairs in turn; ratio: one worker over two, median and range."
)
_RESTARTS = (
    "Wall time of `hgesim learn` with a loop that stands still (loop.rate=0), so that each of {starts} starts is given "
    "up or runs to its end after 4 epochs, with --workers 1 and with --workers 2. Pairs in turn; ratio: one over two, "
    "median and range."
)


def study_text(runs: int, epochs: int) -> str:
    """Return a study of so many runs of the same length."""
    return (
        f'[study]\nname = "Workers"\nbase = "{example("xor.toml").as_posix()}"\n\n'
        f"[settings]\nloop.epochs = {epochs}\n\n"
        f'[factors]\nloop.dither = {{ range = ["8 mV", "12 mV"], levels = {runs} }}\n'
    )


def measure(bench: Bench) -> tuple[Figure, ...]:
    """Measure a study and restarts."""
    runs, epochs, starts, repeats = (2, 1, 2, 1) if bench.quick else (_RUNS, _EPOCHS, _STARTS, 2)
    (bench.folder / "study.toml").write_text(study_text(runs, epochs), encoding="utf-8")
    still = ["loop.rate=0", "loop.epochs=4", "loop.patience=3", f"loop.restarts={starts - 1}"]
    count = iter(range(100))

    def fresh() -> Path:
        return bench.folder / f"run{next(count)}"

    def study(workers: int) -> float:
        bench.tell(f"a study by {workers}")
        return run_hgesim("study", "run", bench.folder / "study.toml", "-o", fresh(), "--workers", str(workers)).wall_s

    def restarts(workers: int) -> float:
        bench.tell(f"restarts by {workers}")
        changes = [word for setting in still for word in ("--set", setting)]
        apart = ("--no-report", "--workers", str(workers))
        return run_hgesim("learn", example("xor.toml"), *changes, "-o", fresh(), *apart).wall_s

    target = None if bench.quick else Target(_FASTER)
    rows = (
        ("workers.study", "a study by two processes, against one", study, _STUDY.format(runs=runs, epochs=epochs)),
        ("workers.restarts", "restarts by two processes, against one", restarts, _RESTARTS.format(starts=starts)),
    )
    figures = []
    for name, what, work, method in rows:
        pairs = interleaved(lambda work=work: work(2), lambda work=work: work(1), repeats)  # type: ignore[misc]
        figures.append(Figure(name, what, "s", **pairs.compared(), target=target, method=method))
    return tuple(figures)
