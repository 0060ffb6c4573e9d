"""Where the controls end, against the same run with a time step four times finer."""

from __future__ import annotations

from hgesim.bench.child import example, run_hgesim
from hgesim.bench.figure import Bench, Figure, Target
from hgesim.errors import HgeError
from hgesim.experiment import Run

__all__ = ["apart", "measure"]

_FINER = 4.0
_TARGET = 0.01
_METHOD = (
    "examples/xor.toml once with its own step and once with engine.steps_per_cycle four times higher; largest "
    "difference of a control's final voltage, dither averaged out, over the control range."
)


def measure(bench: Bench) -> tuple[Figure, ...]:
    """Run both; the quick measurement leaves this out."""
    if bench.quick:
        return ()
    config, runs = example("xor.toml"), []
    for name, changes in (("own", []), ("finer", ["--set", f"engine.steps_per_cycle={20 * _FINER:g}"])):
        bench.tell(f"the {name} step")
        run_hgesim("learn", config, *changes, "--out", bench.folder / name, "--no-report")
        runs.append(Run.load(bench.folder / name))
    found = apart(*runs)
    points = [run.result["timepoints"] for run in runs]
    return (
        Figure(
            "finer",
            "final controls, against a finer step, of full scale",
            "",
            max(found.values()),
            target=Target(_TARGET, at_most=True, of="value"),
            method=_METHOD,
            details={"controls": found, "points": points, "learnt": [run.learnt for run in runs]},
        ),
    )


def apart(run: Run, other: Run) -> dict[str, float]:
    """Return by how much each control ends elsewhere, over the control range.

    Raises
    ------
    HgeError
        ``bench.failed`` where one is no valid simulation.
    """
    for one in (run, other):
        if one.verdict != "ok":
            raise HgeError("bench.failed", f"the verdict is {one.verdict}: {one.result['message']}", place="finer")
    ends = [{name: path[-1] for name, path in one.result["history"]["controls"].items()} for one in (run, other)]
    scale = _control_range(run)
    return {name: abs(end - ends[1][name]) / scale for name, end in ends[0].items()}


def _control_range(run: Run) -> float:
    import json

    return float(json.loads((run.folder / "config.json").read_text(encoding="utf-8"))["loop"]["control_range"])
