"""Run a design and leave a folder that holds everything."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hgesim.config import Config, load_config
from hgesim.design import CaseSweep, Design, network_bench
from hgesim.engine import (
    Engine,
    Progress,
    RunResult,
    Verdict,
    compile_bond,
    fill_folder,
    gf180_models,
    read_raw,
    run_deck,
    select_engine,
)
from hgesim.errors import HgeError, RequestError
from hgesim.experiment.build import build_design
from hgesim.experiment.folder import RESULT, claim_folder, netlist_folder, write_json
from hgesim.experiment.result import energy_figures, learning_figures, meanings, run_figures
from hgesim.experiment.run import Run
from hgesim.learning import case_voltages, epoch_history, last_loss, network_outputs, separation
from hgesim.loop.homodyne import ERROR
from hgesim.netlist import BOND_VA, write_files
from hgesim.network import Hopping, write_network
from hgesim.waveforms import save_waveforms, to_dataset

__all__ = ["Experiment", "Status", "learn"]

# The compiled network and the twin are the same equations: more than this apart, in full scale, and one is wrong.
_TWIN_TOLERANCE = 1e-3
_LOSS_INTERVAL_S = 1.0
# A run that begins elsewhere is another run: 2 mV is less than the dither and more than any start servo's error.
_START_TOLERANCE = 2e-3


@dataclass(frozen=True)
class Status:
    """Where a run under way stands: the engine's progress, and number and loss (V^2) of the last complete epoch."""

    progress: Progress
    epoch: int
    epochs: int
    loss: float | None


@dataclass(frozen=True)
class Experiment:
    """A design and the settings it came from.

    Parameters
    ----------
    design : Design
        What runs.
    config : Config
        Engine settings and seeds; stored beside the result.

    Examples
    --------
    >>> run = Experiment.from_file("examples/and.toml").run("runs/and")     # doctest: +SKIP
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
        needs_osdi = Hopping in self.design.circuit.laws
        if wish.dialect == "osdi":
            return select_engine(wish.name, requires=frozenset({"osdi"} if needs_osdi else set())), "osdi"
        engine = select_engine(wish.name)
        if wish.dialect == "b-source" or (needs_osdi and "osdi" not in engine.capabilities):
            return engine, "b-source"
        return engine, "osdi"

    def run(self, out: str | Path, *, force: bool = False, progress: Callable[[Status], None] | None = None) -> Run:
        """Simulate the learning loop in one transient and judge it.

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
        deck_folder = netlist_folder(self.design, folder / "netlist", dialect)
        ran = run_deck(
            deck_folder,
            engine,
            end_time=self.design.loop.timeline.stop,
            timeout=self.config.engine.timeout,
            progress=_LossMeter(self.design, deck_folder / "waveforms.raw", progress) if progress else None,
        )
        result = {**run_figures(self.design, ran), **self._origin(engine, dialect)}
        if ran.raw.is_file() and ran.points > 1:
            result |= self._read(ran, folder)
        if result["verdict"] == Verdict.OK:
            result |= self._check_network(result, folder, engine, dialect)
        if ran.log.is_file():
            shutil.copyfile(ran.log, folder / "engine.log")
        result["wall_s"] = time.monotonic() - began
        write_json(result, folder / RESULT)
        return Run.load(folder)

    def _origin(self, engine: Engine, dialect: str) -> dict[str, Any]:
        seeds = {"loop": self.config.loop.seed}
        if self.config.network.file is None:
            seeds["network"] = self.config.network.seed
        return {
            "engine": {"name": engine.name, "version": engine.version, "user_init": False, "dialect": dialect},
            "seeds": seeds,
        }

    def _refuse_missing_parts(self, dialect: str) -> None:
        """Look for foundry models and compile the bond before a folder is made that would stay empty."""
        circuit = self.design.circuit
        if any(block.models == "gf180" for block in circuit.blocks):
            gf180_models()
        if dialect == "osdi" and Hopping in circuit.laws:
            compile_bond(BOND_VA)

    def _refuse_solved_start(self) -> None:
        """Refuse a start that has the gate already: it would make a picture of learning without any."""
        network, loop = self.design.network, self.design.loop
        loop.channels(network)
        gap = separation(network_outputs(network, loop.task, np.array(loop.start)), loop.task.targets)
        if gap >= 0:
            raise RequestError(
                "task.already-solved",
                f"the start already separates {loop.task.name} (by {gap * 1e9:.3g} nA): nothing to learn",
                place="loop.seed",
                remedy="choose another loop.seed",
            )

    def _read(self, ran: RunResult, folder: Path) -> dict[str, Any]:
        """Store the waveforms, and score them if the run is valid."""
        raw = read_raw(ran.raw)
        save_waveforms(to_dataset(raw, meanings(self.design.signals)), folder / "waveforms.nc")
        if ran.verdict != Verdict.OK:
            return {}
        figures = energy_figures(self.design, raw)
        loop, network = self.design.loop, self.design.network
        signals = {c.net: raw[f"v({c.net})"] for c in loop.channels(network)} | {ERROR: raw[f"v({ERROR})"]}
        wrong = [
            f"{c.name} at {raw[f'v({c.net})'][0]:.4g} V instead of {c.start:.4g} V"
            for c in loop.channels(network)
            if abs(raw[f"v({c.net})"][0] - c.start) > _START_TOLERANCE
        ]
        if wrong:
            return {
                "verdict": str(Verdict.ENGINE_ERROR),
                "message": f"the run did not begin at its start: {', '.join(wrong)}",
            }
        history = epoch_history(np.array(raw["time"]), signals, loop, network)
        ran.raw.unlink()
        return figures | learning_figures(self.design, history, self.config.loop.control_range)

    def _check_network(self, result: dict[str, Any], folder: Path, engine: Engine, dialect: str) -> dict[str, Any]:
        """Let the simulator itself find the network's operating points at the start and end controls, alone."""
        network, task = self.design.network, self.design.loop.task
        end = [values[-1] for values in result["history"]["controls"].values()]
        points = case_voltages(network, task, np.array([self.design.loop.start, end])).reshape(-1, network.n_electrodes)
        bench = folder / "netlist" / "network_alone"
        circuit = network_bench(network, points, self.design.temperature)
        write_files(circuit, bench, dialect)
        fill_folder(bench)
        ran = run_deck(bench, engine, end_time=0, timeout=self.config.engine.timeout)
        if ran.verdict != Verdict.OK:
            return {
                "verdict": str(ran.verdict),
                "learnt": False,
                "reason": "the network alone could not be simulated",
                "message": ran.message,
            }
        output = network.electrode_labels[network.output]
        sweep = circuit.analysis
        assert isinstance(sweep, CaseSweep)
        found = sweep.at_points(read_raw(ran.raw)[f"i(v_{output})"])
        expected = network.output_current(points)
        difference = float(np.abs(found - expected).max() / np.abs(expected).max())
        check = {"network_op": {"outputs": found.reshape(2, -1), "twin_difference": difference}}
        if difference > _TWIN_TOLERANCE:
            return check | {
                "learnt": False,
                "reason": f"simulator and exact solution of the network differ by {difference:.1e} of full scale",
            }
        return check


class _LossMeter:
    """Adds the last complete epoch's loss to the engine's progress, read from the waveforms under way."""

    def __init__(self, design: Design, raw: Path, tell: Callable[[Status], None]) -> None:
        self._timeline, self._raw, self._tell = design.loop.timeline, raw, tell
        self._next, self._last = 0.0, (0, None)  # type: tuple[float, tuple[int, float | None]]

    def __call__(self, progress: Progress) -> None:
        if progress.wall_s >= self._next and progress.points > 1:
            self._next = progress.wall_s + _LOSS_INTERVAL_S
            try:
                raw = read_raw(self._raw)
                error = np.array(raw[f"v({ERROR})"])
                self._last = last_loss(np.array(raw["time"]), error, self._timeline) or self._last
            except (HgeError, OSError, ValueError):
                pass  # the file is being written: the next look will do
        epoch, loss = self._last
        self._tell(Status(progress, epoch, self._timeline.epochs, loss))


def learn(
    config: str | Path,
    out: str | Path = "run",
    *,
    overrides: Iterable[str] = (),
    force: bool = False,
    progress: Callable[[Status], None] | None = None,
) -> Run:
    """Read settings, simulate learning, judge it: what ``hgesim learn`` does, without the report.

    Parameters
    ----------
    config : str or Path
        TOML file.
    out : str or Path
        Output folder.
    overrides : iterable of str
        ``section.key=value``.
    force, progress
        See `Experiment.run`.
    """
    return Experiment.from_file(config, overrides).run(out, force=force, progress=progress)
