"""Run a design and leave a folder that holds everything."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hgesim.config import Config, load_config
from hgesim.design import Design
from hgesim.engine import Engine, Verdict, compile_bond, gf180_models, select_engine
from hgesim.errors import RequestError
from hgesim.experiment.attempt import Attempt
from hgesim.experiment.build import build_design, draw_start
from hgesim.experiment.folder import RESULT, claim_folder, write_json
from hgesim.experiment.run import Run
from hgesim.experiment.watch import Redraw, Status, Watch
from hgesim.learning import does_task
from hgesim.netlist import uses_osdi, verilog_a
from hgesim.network import write_network

__all__ = ["Experiment", "learn"]

_FINER = 1.2
_REDRAWS = 1000  # starts looked at for one that does not do the task already


@dataclass(frozen=True)
class Experiment:
    """A design and the settings it came from.

    Parameters
    ----------
    design : Design
        What runs.
    config : Config
        Engine settings, seeds and restarts; stored beside the result.

    Examples
    --------
    >>> run = Experiment.from_file("examples/xor.toml").run("runs/xor")     # doctest: +SKIP
    >>> run.learnt, run.loss, run.report()                                  # doctest: +SKIP
    """

    design: Design
    config: Config = field(default_factory=Config)

    @classmethod
    def from_file(cls, path: str | Path, overrides: Iterable[str] = ()) -> Experiment:
        """Read settings from TOML (see `hgesim.config.load_config`) and build the design."""
        config, folder = load_config(path, overrides)
        return cls(build_design(config, folder), config)

    def engine(self) -> tuple[Engine, str]:
        """Choose the engine and the dialect it gets.

        Raises
        ------
        EngineError
            ``engine.not-installed`` or ``engine.too-old``, saying what to install.
        """
        wish = self.config.engine
        needs_osdi = uses_osdi(self.design.circuit, "osdi")
        if wish.dialect == "osdi":
            return select_engine(wish.name, requires=frozenset({"osdi"} if needs_osdi else set())), "osdi"
        engine = select_engine(wish.name)
        if wish.dialect == "b-source" or (needs_osdi and "osdi" not in engine.capabilities):
            return engine, "b-source"
        return engine, "osdi"

    def run(self, out: str | Path, *, force: bool = False, progress: Callable[[Status], None] | None = None) -> Run:
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

        Returns
        -------
        Run
            Also of an aborted or interrupted run: its verdict says so, its partial waveforms are kept and not scored.

        Raises
        ------
        RequestError
            ``folder.*``, ``task.already-solved``.
        EngineError
            When the engine, the models or the Verilog-A compiler are missing.
        """
        began = time.monotonic()
        self._refuse_solved_start()
        engine, dialect = self.engine()
        self._refuse_missing_parts(dialect)
        folder = claim_folder(Path(out), force=force)
        write_json({**self.config.model_dump(mode="json"), "design": self.design.digest}, folder / "config.json")
        write_network(self.design.network, folder / "network.json")
        result, attempts = self._attempts(folder, engine, dialect, progress)
        result |= self._origin(engine, dialect)
        result["attempts"] = attempts
        result["wall_s"] = time.monotonic() - began
        write_json(result, folder / RESULT)
        return Run.load(folder)

    def _attempts(
        self, folder: Path, engine: Engine, dialect: str, progress: Callable[[Status], None] | None
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Run transients until one is to be kept; return its figures, and what became of all."""
        values, design, drawn, attempts = self.config.loop, self.design, 0, list[dict[str, Any]]()
        redraws, repeats = values.restarts, self.config.engine.repeats
        while True:
            attempt = Attempt(design, folder, engine, dialect, self.config.engine.timeout, values.control_range)
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
                design, drawn = self._next_start(drawn + 1)
                redraws, repeats = redraws - 1, self.config.engine.repeats

    def _next_start(self, first: int) -> tuple[Design, int]:
        """Draw starts from number `first` on until one does not do the task already."""
        values, network, loop = self.config.loop, self.design.network, self.design.loop
        for number in range(first, first + _REDRAWS):
            start = draw_start(values.seed, values.start_range, len(network.controls), number)
            if not does_task(network, loop, [start])[0]:
                return self.design.replace(loop=dataclasses.replace(loop, start=start)), number
        raise RequestError("task.already-solved", f"so do {_REDRAWS} more starts", place="loop.seed")

    def _origin(self, engine: Engine, dialect: str) -> dict[str, Any]:
        seeds = {"loop": self.config.loop.seed}
        if self.config.network.file is None:
            seeds["network"] = self.config.network.seed
        chosen = {"devices": self.config.network.chosen_from, "starts": self.config.loop.chosen_from}
        return {
            "engine": {"name": engine.name, "version": engine.version, "user_init": False, "dialect": dialect},
            "seeds": seeds,
            "chosen_from": {what: number for what, number in chosen.items() if number is not None},
        }

    def _refuse_missing_parts(self, dialect: str) -> None:
        """Look for foundry models and compile the bond before a folder is made that would stay empty."""
        circuit = self.design.circuit
        if circuit.foundry:
            gf180_models()
        if uses_osdi(circuit, dialect):
            compile_bond(verilog_a(circuit))

    def _refuse_solved_start(self) -> None:
        """Refuse a start that does the task already: it would make a picture of learning without any."""
        network, loop = self.design.network, self.design.loop
        loop.channels(network)
        if does_task(network, loop, [loop.start])[0]:
            raise RequestError(
                "task.already-solved",
                f"the start already does {loop.task.name}: nothing to learn",
                place="loop.seed",
                remedy="choose another loop.seed",
            )


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
