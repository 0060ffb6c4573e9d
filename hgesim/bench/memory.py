"""Peak memory of hgesim's own process in a long run."""

from __future__ import annotations

import os

from hgesim.bench.child import example, hgesim_peak
from hgesim.bench.figure import Bench, Figure, Target
from hgesim.bench.playback import ENGINE, write_script
from hgesim.engine import select_engine
from hgesim.experiment import Run

__all__ = ["EPOCHS", "measure"]

_LIMIT = 400e6
EPOCHS = 435  # of examples/xor.toml: a little over a million rows
_QUICK_EPOCHS = 20
_METHOD = (
    "Largest resident memory of the process `hgesim learn examples/xor.toml`, report included, with ideal blocks and "
    "{epochs} epochs: {points:.2g} time points of 24 waveforms. A stand-in for the engine plays the rows back, so "
    "that none are simulated; scoring, storing and the check of the network alone are as in any run."
)


def measure(bench: Bench) -> tuple[Figure, ...]:
    """Play a long run back and read what hgesim's process took at most."""
    epochs = _QUICK_EPOCHS if bench.quick else EPOCHS
    script = write_script(bench.folder / "ngspice")
    environment = {**os.environ, ENGINE: str(select_engine("ngspice").path), "HGESIM_NGSPICE": str(script)}
    settings = ("--set", "circuit.technology=ideal", "--out", bench.folder / "run", "--force")

    def peak(epochs: int, *more: str) -> int:
        bench.tell(f"{epochs} epochs{'' if more else ' and the report'}")
        place, words = (
            bench.folder / "peak",
            ("learn", example("xor.toml"), *settings, "--set", f"loop.epochs={epochs}"),
        )
        return hgesim_peak(place, *words, *more, environment=environment)

    details = {"short_run_bytes": peak(1, "--no-report"), "without_report_bytes": peak(epochs, "--no-report")}
    found = peak(epochs)
    result = Run.load(bench.folder / "run").result
    details["points"] = result["timepoints"]
    target = None if bench.quick else Target(_LIMIT, at_most=True, of="value")
    return (
        Figure(
            "memory",
            f"peak memory of learn, {result['timepoints']:.1e} points",
            "B",
            float(found),
            target=target,
            method=_METHOD.format(epochs=epochs, points=float(result["timepoints"])),
            details=details,
        ),
    )
