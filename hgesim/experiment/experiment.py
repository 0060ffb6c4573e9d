"""Run a design and leave a folder that holds everything."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hgesim.arguments import check_kind, check_whole
from hgesim.config import Config, EngineConfig, load_config
from hgesim.design import Design
from hgesim.engine import Engine, compile_bond, gf180_models, select_engine
from hgesim.errors import RequestError
from hgesim.experiment.attempt import Attempt
from hgesim.experiment.build import build_design, draw_start, located
from hgesim.experiment.digital import attempt_kind
from hgesim.experiment.folder import RESULT, claim_folder, write_json
from hgesim.experiment.multirate import Multirate, refuse_leaps
from hgesim.experiment.run import Run
from hgesim.experiment.starts import Start, first_kept, try_start
from hgesim.experiment.watch import Status
from hgesim.learning import does_task, sort_starts
from hgesim.netlist import DIALECTS, DIALECTS_OF, bond_text, deck_text, needs
from hgesim.network import write_network

__all__ = ["Experiment", "learn"]

_REDRAWS = 1000  # starts looked at for one that is worth a transient
_SOLVED = "does the task already"


@dataclass(frozen=True)
class Experiment:
    """A design and the settings it came from.

    Parameters
    ----------
    design : Design
        What runs.
    config : Config
        Engine settings and ``loop.control_range``; of a design that `from_file` or `from_config` built also what it was
        built from: seeds and restarts, stored beside the result. Of any other design only what ran is stored.
    built : str
        Digest of the design that the settings build; empty where nobody built it.

    Examples
    --------
    >>> run = Experiment.from_file("examples/xor.toml").run("runs/xor")     # doctest: +SKIP
    >>> run.learnt, run.loss, run.report()                                  # doctest: +SKIP
    """

    design: Design
    config: Config = field(default_factory=Config)
    built: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no design or no settings."""
        check_kind(self.design, Design, "experiment.bad-value", "design")
        check_kind(self.config, Config, "experiment.bad-value", "config")

    @classmethod
    def from_file(cls, path: str | Path, overrides: Iterable[str] = ()) -> Experiment:
        """Read settings from TOML (see `hgesim.config.load_config`) and build the design."""
        return cls.from_config(*load_config(path, overrides))

    @classmethod
    def from_config(cls, config: Config, folder: str | Path = ".") -> Experiment:
        """Build the design from settings; `folder` is what relative file names refer to."""
        design = build_design(check_kind(config, Config, "experiment.bad-value", "config"), Path(folder))
        return cls(design, located(config, Path(folder)), design.digest)

    @property
    def told(self) -> bool:
        """Tell whether the settings are those of the design."""
        return self.built == self.design.digest

    @property
    def stored(self) -> dict[str, Any]:
        """Return what ``config.json`` holds: the settings where they are those of the design, else what runs."""
        settings = self.config.model_dump(mode="json") if self.told else _what_runs(self.design, self.config)
        return {**settings, "nonideal": self.design.nonideal.settings, "given": self.told}

    @property
    def seeds(self) -> dict[str, int] | None:
        """Return the seeds that made the design; None where the settings do not tell."""
        if not self.told:
            return None
        seeds = {"loop": self.config.loop.seed}
        if self.config.network.file is None:
            seeds["network"] = self.config.network.seed
        if self.design.nonideal:
            seeds["nonideal"] = self.design.nonideal.seed
        return seeds

    def engine(self) -> tuple[Engine, str]:
        """Choose the engine and the dialect it gets.

        Raises
        ------
        EngineError
            ``engine.not-installed`` or ``engine.too-old``, saying what to install.
        """
        circuit, dialects = self.design.circuit, self.dialects
        engine = select_engine(self._wish.name, requires=needs(circuit, dialects[-1]))
        return engine, next(dialect for dialect in dialects if needs(circuit, dialect) <= engine.capabilities)

    @property
    def _wish(self) -> EngineConfig:
        """Return the engine asked for: where nobody asks, what Python plays a part in runs in process."""
        wish, parts = self.config.engine, self.design.python_parts
        if parts and "name" not in wish.model_fields_set:
            return wish.model_copy(update={"name": "shared"})
        if parts and wish.name != "shared":
            raise RequestError(
                "engine.no-python",
                f"{', '.join(parts)} run in Python, which {wish.name} knows nothing of",
                place="engine.name",
                remedy='leave it out, or set it to "shared"',
            )
        return wish

    @property
    def dialects(self) -> tuple[str, ...]:
        """Return the dialects that the settings allow, the one to be preferred first.

        Raises
        ------
        RequestError
            ``engine.wrong-dialect`` for a dialect that the simulator does not read; ``engine.no-python``.
        """
        wish = self._wish
        known = DIALECTS_OF.get(wish.name, DIALECTS)
        if wish.dialect == "auto":
            return known
        if wish.dialect not in known:
            raise RequestError(
                "engine.wrong-dialect",
                f'{wish.name} does not read "{wish.dialect}"',
                place="engine.dialect",
                remedy='leave it at "auto"',
            )
        return (wish.dialect,)

    def run(
        self,
        out: str | Path,
        *,
        force: bool = False,
        progress: Callable[[Status], None] | None = None,
        waveforms: bool = True,
        workers: int | None = None,
    ) -> Run:
        """Simulate the learning loop in one transient and judge it.

        A transient in which the simulator gave up is repeated with a shorter step (``engine.repeats``). With
        ``engine.multirate`` it is several, with leaps in between, and the result says so (``multirate``).
        With ``loop.restarts`` a start that is stuck, over range or not simulable is given up as in the laboratory and
        the next one is drawn, each in a transient of its own; ``attempts`` in the result lists them. The last start
        allowed runs to its end. Several starts are tried at a time; the first in the order of their draws that is to be
        kept is the same as one after the other.

        Parameters
        ----------
        out : str or Path
            Output folder.
        force : bool
            Replace an earlier run there.
        progress : callable, optional
            Called with a `Status` a few times a second.
        waveforms : bool
            Whether to store them; of thousands of runs they fill a disk.
        workers : int, optional
            Starts that are tried at a time, with ``loop.restarts``; by default as many as there are processors.

        Returns
        -------
        Run
            Also of an aborted or interrupted run: its verdict says so, its partial waveforms are kept and not scored.

        Raises
        ------
        RequestError
            ``run.bad-workers``, ``folder.*``, ``task.already-solved`` (unless ``loop.start`` and
            ``loop.threshold_start`` are both given, as to go on from the end of a run); ``config.conflict`` for
            restarts of a design that the settings do not describe; ``multirate.no-leap``.
        EngineError
            When the engine, the models or the Verilog-A compiler are missing.
        """
        began = time.monotonic()
        check_whole(1 if workers is None else workers, 1, "run.bad-workers", "workers")
        design, leaps = self._first_design(), self.config.engine.multirate
        if leaps:
            refuse_leaps(design)
        engine, dialect = self.engine()
        self.refuse_missing_parts(dialect)
        folder = claim_folder(Path(out), force=force)
        write_json({**self.stored, "design": design.digest}, folder / "config.json")
        write_network(self.design.network, folder / "network.json")
        kind = Multirate if leaps else attempt_kind(design)
        attempt = kind(design, folder, engine, dialect, self.config, waveforms)
        if self.config.loop.restarts:
            outcomes = first_kept(self._starts(attempt), folder, workers or os.cpu_count() or 1, progress)
        else:
            outcomes = (try_start(Start(0, 0, attempt, None, self._repeats), progress),)
        result = outcomes[-1].result | self._origin(engine, dialect)
        result["attempts"] = [one for outcome in outcomes for one in outcome.attempts]
        result["passed_over"] = [one for outcome in outcomes for one in outcome.start.passed]
        result["wall_s"] = time.monotonic() - began
        write_json(result, folder / RESULT)
        return Run.load(folder)

    @property
    def _repeats(self) -> int:
        """Return how often a whole attempt is repeated: leaps repeat single transients themselves."""
        return 0 if self.config.engine.multirate else self.config.engine.repeats

    def _starts(self, attempt: Attempt) -> Iterator[Start]:
        """Draw starts that are worth a transient, one after the other; the last counts as it is."""
        values, repeats = self.config.loop, self._repeats
        draw = 0
        for number in range(values.restarts + 1):
            design, draw, passed = self._next_start(draw)
            patience = values.patience if number < values.restarts else None
            yield Start(number, draw, replace(attempt, design=design), patience, repeats, tuple(passed))
            draw += 1

    def _first_design(self) -> Design:
        """Refuse a start that does the task already; with restarts it is passed over, as one that is over range."""
        loop = self.design.loop
        loop.channels(self.design.network)
        if self.config.loop.restarts:
            if not self.told:
                raise RequestError(
                    "config.conflict",
                    "the settings do not say how the starts of this design are drawn",
                    place="loop.restarts",
                    remedy="leave it out, or make the experiment with from_file or from_config",
                )
            return self._next_start(0)[0]
        if not self._goes_on and self._why_not(loop.start) == _SOLVED:
            raise RequestError(
                "task.already-solved",
                f"the start already does {loop.task.name}: nothing to learn",
                place="loop.seed",
                remedy="choose another loop.seed",
            )
        return self.design

    @property
    def _goes_on(self) -> bool:
        """Tell whether the settings give the start of every channel, as a run has that goes on from another's end."""
        return self.told and {"start", "threshold_start"} <= self.config.loop.model_fields_set

    def _next_start(self, first: int) -> tuple[Design, int, list[dict[str, Any]]]:
        """Draw starts from number `first` on until one is worth a transient; return those passed over too."""
        values, network, loop = self.config.loop, self.design.network, self.design.loop
        passed: list[dict[str, Any]] = []
        for number in range(first, first + _REDRAWS):
            start = draw_start(values.seed, values.start_range, len(network.controls), number)
            why = self._why_not(start)
            if not why:
                return self.design.replace(loop=replace(loop, start=start)), number, passed
            passed.append({"draw": number, "start": list(start), "why": why})
        raise RequestError(
            "loop.no-start",
            f"none of {_REDRAWS} starts is worth a transient; the last {passed[-1]['why']}",
            place="loop.seed",
            remedy="choose another network.seed or task",
        )

    def _why_not(self, start: tuple[float, ...]) -> str:
        """Say why a start is no demonstration, or nothing: it would make a picture of learning without any."""
        network, loop = self.design.network, self.design.loop
        if does_task(network, loop, [start])[0]:
            return _SOLVED
        return "has an output over range" if sort_starts(network, loop, [start])[0][0] else ""

    def _origin(self, engine: Engine, dialect: str) -> dict[str, Any]:
        about = {"name": engine.name, "version": engine.version, "user_init": False, "dialect": dialect}
        if not self.told:
            return {"engine": about, "seeds": None, "chosen_from": {}}
        chosen = {"devices": self.config.network.chosen_from, "starts": self.config.loop.chosen_from}
        return {
            "engine": about,
            "seeds": self.seeds,
            "chosen_from": {what: number for what, number in chosen.items() if number is not None},
        }

    def refuse_missing_parts(self, dialect: str) -> None:
        """Write the deck, look for foundry models, compile the bond, before a folder is made that would stay empty."""
        circuit = self.design.circuit
        deck_text(circuit, dialect)
        if circuit.foundry:
            gf180_models()
        if text := bond_text(circuit, dialect):
            compile_bond(text)


def _what_runs(design: Design, config: Config) -> dict[str, Any]:
    """Return what is true of a design that the settings do not describe, by the same names."""
    loop, scales = design.loop, design.loop.task.scales
    return {
        "task": {"level": scales.level, "offsets": list(scales.offsets), "target": scales.target},
        "loop": {
            "rule": loop.rule,
            **asdict(loop.settings),
            "start": list(loop.start),
            "threshold_start": loop.threshold_start,
            "control_range": config.loop.control_range,
            **{key: getattr(loop.timeline, key) for key in ("ramp", "settle", "epochs")},
        },
        "circuit": {**design.technology, "temperature": design.temperature},
        "engine": config.engine.model_dump(mode="json"),
    }


def learn(
    config: str | Path,
    out: str | Path,
    *,
    overrides: Iterable[str] = (),
    force: bool = False,
    progress: Callable[[Status], None] | None = None,
    workers: int | None = None,
) -> Run:
    """Run the learning loop of a settings file; see `Experiment.run`.

    Parameters
    ----------
    config : str or Path
        TOML file.
    out : str or Path
        Output folder.
    overrides : iterable of str
        ``section.key=value``.
    force : bool
        Replace an earlier run in `out`.
    progress : callable, optional
        Called with a `Status` a few times a second.
    workers : int, optional
        Starts that are tried at a time, with ``loop.restarts``; by default as many as there are processors.

    Returns
    -------
    Run
    """
    return Experiment.from_file(config, overrides).run(out, force=force, progress=progress, workers=workers)
