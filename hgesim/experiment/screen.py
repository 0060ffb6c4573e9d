"""Screening: which devices and starts are worth a transient, told by the averaged equations on the exact network."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hgesim.config import Config, load_config, parse_config
from hgesim.errors import HgeError, RequestError
from hgesim.experiment.build import build_design, build_network, build_task, draw_start, make_loop
from hgesim.experiment.folder import claim_folder, write_json
from hgesim.learning import proportion_interval, screen_starts
from hgesim.loop import GATES

__all__ = ["Finding", "Search", "screen"]

RESULT = "screen.json"
_KEPT = 10  # best starts listed for each device and task


@dataclass(frozen=True)
class Finding:
    """What a screening says of one task on one device.

    Parameters
    ----------
    task : str
        Name.
    device : int
        Its ``network.seed``.
    starts, over_range, solved, tried, learnt : int
        Starts looked at; with an output beyond the read-out's range; that do the task already; the rest; of these,
        predicted to learn.
    best : tuple of (int, float)
        ``loop.seed`` and predicted figure of the best starts.
    failure : str
        Why the device could not be looked at, or nothing.
    """

    task: str
    device: int
    starts: int
    over_range: int = 0
    solved: int = 0
    tried: int = 0
    learnt: int = 0
    best: tuple[tuple[int, float], ...] = ()
    failure: str = ""

    def row(self) -> dict[str, Any]:
        """Return the finding as a flat row, with the 95 % interval of the share of tried starts that learn."""
        low, high = proportion_interval(self.learnt, self.tried)
        seed, figure = self.best[0] if self.best else ("", "")
        return {
            **{key: getattr(self, key) for key in ("task", "device", "starts", "over_range", "solved", "tried")},
            "learnt": self.learnt,
            "share_low": round(low, 4),
            "share_high": round(high, 4),
            "best_start": seed,
            "best_figure": figure,
            "failure": self.failure,
        }


@dataclass(frozen=True)
class Search:
    """How far to look: so many devices and starts from the configured seeds on, all gates or the configured task."""

    devices: int = 10
    starts: int = 200
    all_gates: bool = False

    def __post_init__(self) -> None:
        """Refuse an empty search."""
        for name in ("devices", "starts"):
            if getattr(self, name) < 1:
                raise RequestError("screen.bad-count", f"{getattr(self, name)}", place=f"--{name}", remedy="at least 1")


def screen(
    path: str | Path,
    out: str | Path,
    search: Search | None = None,
    *,
    overrides: Iterable[str] = (),
    force: bool = False,
    tell: Callable[[Finding], None] | None = None,
) -> list[Finding]:
    """Look at many devices and starts, and leave settings of the best that ``hgesim learn`` takes as they are.

    Devices are ``network.seed``, ``network.seed + 1`` and so on, starts ``loop.seed``, ``loop.seed + 1`` and so on.
    A start that does the task already is never chosen.

    Parameters
    ----------
    path : str or Path
        TOML file.
    out : str or Path
        Output folder: ``screen.json``, ``screen.csv`` and, for each task and device with a start that is predicted to
        learn, ``<task>_<device>.toml``, which says how many were looked at.
    search : Search, optional
        How far to look.
    overrides : iterable of str
        ``section.key=value``.
    force : bool
        Replace an earlier screening in `out`.
    tell : callable, optional
        Called with each `Finding`.

    Returns
    -------
    list of Finding
        By task, then by device.

    Raises
    ------
    RequestError
        ``screen.bad-count``, ``screen.no-seed`` for a network from a file or a given start, ``screen.no-gate``,
        ``folder.*`` and what the settings' values are refused for.
    """
    search, overrides = search or Search(), list(overrides)
    config, folder = load_config(path, overrides)
    _refuse(config, search)
    tasks = [f"task.gate={gate}" for gate in GATES] if search.all_gates else [""]
    build_design(config, folder)  # what learn would refuse is refused now
    target = claim_folder(Path(out), force=force)
    findings = []
    for extra in tasks:
        chosen = load_config(path, [*overrides, *([extra] if extra else [])])[0]
        for number in range(search.devices):
            finding = _look(_with_device(chosen, config.network.seed + number), folder, search.starts)
            findings.append(finding)
            if tell is not None:
                tell(finding)
            if finding.best:
                name = f"{finding.task.lower()}_{finding.device}.toml"
                (target / name).write_text(_settings(chosen, folder, finding, search), encoding="utf-8")
    rows = [finding.row() for finding in findings]
    with (target / "screen.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    listed = [{**row, "best": finding.best} for row, finding in zip(rows, findings, strict=True)]
    write_json({"config": config.model_dump(mode="json"), "findings": listed}, target / RESULT)
    return findings


def _refuse(config: Config, search: Search) -> None:
    if config.network.file is not None:
        raise RequestError(
            "screen.no-seed", "the network comes from a file", place="network.file", remedy="give network.seed"
        )
    if config.loop.start is not None:
        raise RequestError("screen.no-seed", "the start is given", place="loop.start", remedy="give loop.seed")
    if search.all_gates and config.task.kind != "gate":
        raise RequestError(
            "screen.no-gate", f'the task is "{config.task.kind}"', place="--all-gates", remedy="leave it out"
        )


def _with_device(config: Config, seed: int) -> Config:
    data = config.model_dump(exclude_unset=True)
    data.setdefault("network", {})["seed"] = seed
    return parse_config(data)


def _look(config: Config, folder: Path, starts: int) -> Finding:
    task = build_task(config.task, folder)
    device = config.network.seed
    try:
        network = build_network(config.network, folder, task.n_inputs)
        loop = make_loop(config, network, task)
        first, span = config.loop.seed, config.loop.start_range
        voltages = [draw_start(first + k, span, len(network.controls)) for k in range(starts)]
        found = screen_starts(network, loop, voltages, config.loop.control_range)
    except HgeError as error:  # one device that cannot be drawn or solved is a row, not the end
        if isinstance(error, RequestError) and error.code != "network.too-weak":
            raise
        return Finding(task.name, device, starts, failure=str(error))
    learnt = found.learnt
    return Finding(
        task=task.name,
        device=device,
        starts=starts,
        over_range=len(found.over_range),
        solved=len(found.solved),
        tried=len(found.tried),
        learnt=len(learnt),
        best=tuple((first + number, round(score.value, 4)) for number, score in learnt[:_KEPT]),
    )


def _settings(config: Config, folder: Path, finding: Finding, search: Search) -> str:
    """Return TOML that ``hgesim learn`` takes: the settings given, the seeds found, and how many were looked at."""
    data = config.model_dump(mode="json", exclude_unset=True)
    data.setdefault("network", {}).update(seed=finding.device, chosen_from=search.devices)
    data.setdefault("loop", {}).update(seed=finding.best[0][0], chosen_from=search.starts)
    if "file" in data.get("task", {}):
        data["task"]["file"] = str((folder / data["task"]["file"]).resolve())
    for kind, value in data.get("circuit", {}).items():
        if isinstance(value, str) and (folder / value).is_file():
            data["circuit"][kind] = str((folder / value).resolve())
    lines = [f"# Found by hgesim screen; predicted {finding.best[0][1]:g}. SI units."]
    for section, values in data.items():
        lines += ["", f"[{section}]"]
        lines += [
            f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items() if value is not None
        ]
    return "\n".join(lines) + "\n"
