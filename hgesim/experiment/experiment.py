"""Run a design and leave a folder that holds everything."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hgesim.arguments import check_kind
from hgesim.config import Config, load_config
from hgesim.design import Design
from hgesim.engine import Engine, Verdict, compile_bond, gf180_models, select_engine
from hgesim.errors import RequestError
from hgesim.experiment.attempt import Attempt
from hgesim.experiment.build import build_design, draw_start, located
from hgesim.experiment.digital import attempt_kind
from hgesim.experiment.folder import RESULT, claim_folder, write_json
from hgesim.experiment.run import Run
from hgesim.experiment.watch import Redraw, Status, Watch
from hgesim.learning import does_task, sort_starts
from hgesim.netlist import uses_osdi, verilog_a
from hgesim.network import write_network

__all__ = ["Experiment", "learn"]

_FINER = 1.2
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
        wish, parts = self.config.engine, self.design.python_parts
        if parts and "name" not in wish.model_fields_set:
            wish = wish.model_copy(update={"name": "shared"})
        if parts and wish.name != "shared":
            raise RequestError(
                "engine.no-python",
                f"{', '.join(parts)} run in Python, which {wish.name} knows nothing of",
                place="engine.name",
                remedy='leave it out, or set it to "shared"',
            )
        needs_osdi = uses_osdi(self.design.circuit, "osdi")
        needed = frozenset({"xspice"} if self.design.circuit.paths else set())
        if wish.dialect == "osdi":
            return select_engine(wish.name, requires=needed | ({"osdi"} if needs_osdi else set())), "osdi"
        engine = select_engine(wish.name, requires=needed)
        if wish.dialect == "b-source" or (needs_osdi and "osdi" not in engine.capabilities):
            return engine, "b-source"
        return engine, "osdi"

    def run(
        self,
        out: str | Path,
        *,
        force: bool = False,
        progress: Callable[[Status], None] | None = None,
        waveforms: bool = True,
    ) -> Run:
        """Simulate the learning loop in one transient and judge it.

        A transient in which the simulator gave up is repeated with a shorter step (``engine.repeats``).
        With ``loop.restarts`` a start that is stuck, over range or not simulable is given up as in the laboratory and
        the next one is drawn, each in a transient of its own; ``attempts`` in the result lists them. The last start
        allowed runs to its end.

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

        Returns
        -------
        Run
            Also of an aborted or interrupted run: its verdict says so, its partial waveforms are kept and not scored.

        Raises
        ------
        RequestError
            ``folder.*``, ``task.already-solved`` (unless ``loop.start`` and ``loop.threshold_start`` are both given,
            as to go on from the end of a run); ``config.conflict`` for restarts of a design that the settings do not
            describe.
        EngineError
            When the engine, the models or the Verilog-A compiler are missing.
        """
        began = time.monotonic()
        design, draw, passed = self._first_start()
        engine, dialect = self.engine()
        self.refuse_missing_parts(dialect)
        folder = claim_folder(Path(out), force=force)
        write_json({**self.stored, "design": design.digest}, folder / "config.json")
        write_network(self.design.network, folder / "network.json")
        work = attempt_kind(design)(design, folder, engine, dialect, self.config, waveforms)
        result, attempts = self._attempts(work, draw, passed, progress)
        result |= self._origin(engine, dialect)
        result |= {"attempts": attempts, "passed_over": passed}
        result["wall_s"] = time.monotonic() - began
        write_json(result, folder / RESULT)
        return Run.load(folder)

    def _attempts(
        self, attempt: Attempt, drawn: int, passed: list[dict[str, Any]], progress: Callable[[Status], None] | None
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Run transients until one is to be kept; return its figures, and what became of all."""
        values, attempts = self.config.loop, list[dict[str, Any]]()
        redraws, repeats = values.restarts, self.config.engine.repeats
        while True:
            design = attempt.design
            watch = Watch(design, attempt.raw, len(attempts), values.patience if redraws else None, progress)
            result, why = _try(attempt, watch if progress or redraws else None)
            aborted = result.get("verdict") == Verdict.ABORTED
            keep = not why or not (redraws or (aborted and repeats))
            attempts.append(
                {
                    "draw": drawn,
                    "start": list(design.loop.start),
                    "step": design.loop.plan.step,
                    "given_up": "" if keep else why,
                }
            )
            if keep:
                return result, attempts
            if aborted and repeats:
                design, repeats = _finer(design), repeats - 1
            else:
                design, drawn, more = self._next_start(drawn + 1)
                passed += more
                redraws, repeats = redraws - 1, self.config.engine.repeats
            attempt = dataclasses.replace(attempt, design=design)

    def _first_start(self) -> tuple[Design, int, list[dict[str, Any]]]:
        """Refuse a start that does the task already; with restarts pass over it, as over one that is over range."""
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
            return self._next_start(0)
        if not self._goes_on and self._why_not(loop.start) == _SOLVED:
            raise RequestError(
                "task.already-solved",
                f"the start already does {loop.task.name}: nothing to learn",
                place="loop.seed",
                remedy="choose another loop.seed",
            )
        return self.design, 0, []

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
                return self.design.replace(loop=dataclasses.replace(loop, start=start)), number, passed
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
        """Look for foundry models and compile the bond before a folder is made that would stay empty."""
        circuit = self.design.circuit
        if circuit.foundry:
            gf180_models()
        if uses_osdi(circuit, dialect):
            compile_bond(verilog_a(circuit))


def _what_runs(design: Design, config: Config) -> dict[str, Any]:
    """Return what is true of a design that the settings do not describe, by the same names."""
    loop, scales = design.loop, design.loop.task.scales
    return {
        "task": {"level": scales.level, "offsets": list(scales.offsets), "target": scales.target},
        "loop": {
            "rule": loop.rule,
            **dataclasses.asdict(loop.settings),
            "start": list(loop.start),
            "threshold_start": loop.threshold_start,
            "control_range": config.loop.control_range,
            **{key: getattr(loop.timeline, key) for key in ("ramp", "settle", "epochs")},
        },
        "circuit": {**design.technology, "temperature": design.temperature},
        "engine": config.engine.model_dump(mode="json"),
    }


def _finer(design: Design) -> Design:
    """Return the same design with a shorter time step: where Newton's iteration failed it usually does not again."""
    plan = design.loop.plan
    finer = dataclasses.replace(plan, steps_per_cycle=plan.steps_per_cycle * _FINER)
    return design.replace(loop=dataclasses.replace(design.loop, plan=finer))


def _try(attempt: Attempt, watch: Watch | None) -> tuple[dict[str, Any], str]:
    """Run one attempt; return its figures and why it is to be given up, if it is."""
    try:
        result = attempt.run(watch)
    except Redraw as hopeless:
        return {}, str(hopeless)
    if result["verdict"] == Verdict.ABORTED:
        return result, result["message"]
    if result["verdict"] == Verdict.OK and not result["learnt"]:
        return result, result["reason"]
    return result, ""


def learn(
    config: str | Path,
    out: str | Path,
    *,
    overrides: Iterable[str] = (),
    force: bool = False,
    progress: Callable[[Status], None] | None = None,
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

    Returns
    -------
    Run
    """
    return Experiment.from_file(config, overrides).run(out, force=force, progress=progress)
