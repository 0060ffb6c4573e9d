"""Screening: which devices and starts are worth a transient, told by the averaged equations on the exact network."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hgesim.arguments import check_whole
from hgesim.config import Config, load_config, parse_config, settings_toml
from hgesim.errors import HgeError, RequestError
from hgesim.experiment.build import build_design, build_network, build_task, draw_start, located, make_loop
from hgesim.experiment.folder import claim_folder, write_json, write_whole
from hgesim.learning import proportion_interval, screen_starts
from hgesim.loop import GATES

__all__ = ["Finding", "Search", "screen"]

RESULT = "screen.json"
_KEPT = 10  # best starts listed for each device and task
_OF_ONE_DEVICE = ("network.too-weak", "network.crowded")  # what another draw may not be refused for


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
            check_whole(getattr(self, name), 1, "screen.bad-count", f"--{name}")


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
        Output folder, up to date after each finding: ``screen.json``, ``screen.csv`` and, for each task and device with
        a start that is predicted to learn, ``<task>_<device>.toml``, which says how many were looked at.
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
    _refuse_settings(config, folder, search)
    target = claim_folder(Path(out), force=force)
    findings: list[Finding] = []
    for extra in tasks:
        chosen = load_config(path, [*overrides, *([extra] if extra else [])])[0]
        for number in range(search.devices):
            finding = _look(_with_device(chosen, config.network.seed + number), folder, search.starts)
            findings.append(finding)
            if finding.best:
                name = f"{finding.task.lower()}_{finding.device}.toml"
                write_whole(_settings(chosen, folder, finding, search), target / name)
            _write_tables(findings, config, target)
            if tell is not None:
                tell(finding)
    return findings


def _write_tables(findings: list[Finding], config: Config, target: Path) -> None:
    rows, text = [finding.row() for finding in findings], io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(text.getvalue(), target / "screen.csv")
    listed = [{**row, "best": finding.best} for row, finding in zip(rows, findings, strict=True)]
    write_json({"config": config.model_dump(mode="json"), "findings": listed}, target / RESULT)


def _refuse_settings(config: Config, folder: Path, search: Search) -> None:
    """Refuse now what learn would refuse on any device: found on the first that can be drawn and solved."""
    for number in range(search.devices):
        try:
            build_design(_with_device(config, config.network.seed + number), folder)
            return
        except HgeError as error:
            if isinstance(error, RequestError) and error.code not in _OF_ONE_DEVICE:
                raise


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
    data = located(config, folder).model_dump(mode="json", exclude_unset=True)
    data.setdefault("network", {}).update(seed=finding.device, chosen_from=search.devices)
    data.setdefault("loop", {}).update(seed=finding.best[0][0], chosen_from=search.starts)
    return settings_toml(data, f"Found by hgesim screen; predicted {finding.best[0][1]:g}. SI units.")
