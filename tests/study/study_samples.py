"""Study files and made-up results: what a run leaves, without a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hgesim.study import StudyFolder, read_study

ROOT = Path(__file__).parents[2]
AND = ROOT / "examples" / "and.toml"
# From these starts device 112 with 8 dopants has AND wrong (3, 4) or right (5): the third is refused.
QUICK = f"""
[study]
name = "quick"
base = {str(AND)!r}
replicates = 3

[settings]
circuit.technology = "ideal"
loop.epochs = 1
loop.rate = 0.05
loop.seed = 3
network.dopants = 8
"""


def write(folder: Path, text: str, name: str = "study.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def result(margin: float | None, **changes: Any) -> dict[str, Any]:
    """What a gate's run leaves in result.json; without a margin the simulation is not valid."""
    if margin is None:
        return {"verdict": "aborted", "learnt": False, "message": "timestep too small", "reason": "", **changes}
    learnt = margin >= 0.25
    return {
        "verdict": "ok",
        "learnt": learnt,
        "message": "",
        "reason": "" if learnt else "margin 3 % < 25 %",
        "loss": {"initial": 0.1, "final": 0.02 * (1.2 - margin)},
        "score": {"name": "margin", "initial": -0.2, "final": margin},
        "separation": {"network": {"initial": -2e-8, "final": margin * 1e-7}},
        "margin": margin,
        "railed": [],
        "engine_s": 1.5,
        **changes,
    }


def filled(folder: Path, text: str, give: Callable[[dict[str, Any]], dict[str, Any] | None]) -> StudyFolder:
    """A study whose results are made up from their inputs; None leaves a run without one."""
    study = StudyFolder.claim(folder / "out", read_study(write(folder, text)))
    for number, inputs in enumerate(study.study.runs):
        if (made := give(inputs)) is not None:
            study.store(number, made)
    return study
