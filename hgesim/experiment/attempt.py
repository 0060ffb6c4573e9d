"""One transient: written, run, read and judged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim.config import Config
from hgesim.design import CaseSweep, Design, network_bench
from hgesim.engine import Engine, Progress, RawData, RunResult, Verdict, fill_folder, read_raw, run_deck
from hgesim.errors import HgeError
from hgesim.experiment.along import along_figures
from hgesim.experiment.folder import netlist_folder
from hgesim.experiment.result import energy_figures, learning_figures, meanings, run_figures
from hgesim.learning import case_voltages, channel_ends, epoch_history, learning_trajectory
from hgesim.loop.wiring import ERROR
from hgesim.netlist import write_files
from hgesim.waveforms import save_waveforms

__all__ = ["Attempt", "begun_elsewhere", "read_signals"]

# The compiled network and the twin are the same equations: more than this apart, in full scale, and one is wrong.
_TWIN_TOLERANCE = 1e-3
# A run that begins elsewhere is another run: 2 mV is less than the dither and more than any start servo's error.
_START_TOLERANCE = 2e-3

FloatArray = NDArray[np.float64]
Judge = Callable[[RawData], dict[str, Any]]


def read_signals(design: Design, raw: RawData) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Return time (s) and, by net, the waveforms (V) that figures are worked out from: all channels and the error."""
    nets = [ERROR, *(channel.net for channel in design.loop.channels(design.network))]
    columns = raw.columns(["time", *(f"v({net})" for net in nets)])
    return columns["time"], {net: columns[f"v({net})"] for net in nets}


def begun_elsewhere(design: Design, signals: Mapping[str, FloatArray]) -> str:
    """Say which channels of a transient did not begin at their start, or nothing."""
    tolerance = _START_TOLERANCE + design.nonideal.size("control_step") / 2 + design.loop.converters.dac.step / 2
    wrong = [
        f"{channel.name} at {signals[channel.net][0]:.4g} V instead of {channel.start:.4g} V"
        for channel in design.loop.channels(design.network)
        if abs(signals[channel.net][0] - channel.start) > tolerance
    ]
    return f"the run did not begin at its start: {', '.join(wrong)}" if wrong else ""


@dataclass(frozen=True)
class Attempt:
    """A design, where it runs, and by what.

    Parameters
    ----------
    design : Design
        What runs.
    folder : Path
        Of the experiment; the attempt's netlist, waveforms and log replace those of an earlier one.
    engine : Engine
        The simulator.
    dialect : str
        Of the hopping bonds.
    config : Config
        Settings that count here: ``engine.timeout`` and ``loop.control_range``.
    waveforms : bool
        Whether to store them.
    """

    design: Design
    folder: Path
    engine: Engine
    dialect: str
    config: Config
    waveforms: bool = True

    @property
    def raw(self) -> Path:
        """Return where the engine writes its rows."""
        return self.folder / "netlist" / "waveforms.raw"

    def run(self, watch: Callable[[Progress], None] | None = None) -> dict[str, Any]:
        """Simulate, and return the figures; those of an invalid run are not scored.

        What `watch` raises ends the simulation and comes through.
        """
        self.clear()
        ran, judge = self.simulate(watch)
        result = run_figures(self.design, ran)
        if ran.raw.is_file() and ran.points > 1:
            result |= self._read(ran, judge)
        if result["verdict"] == Verdict.OK:
            result |= self.check_network(result)
        if ran.log.is_file():
            shutil.copyfile(ran.log, self.folder / "engine.log")
        return result

    def clear(self) -> None:
        """Remove what an attempt that was given up has left: none of it is this one's."""
        shutil.rmtree(self.folder / "netlist", ignore_errors=True)
        for name in ("waveforms.nc", "engine.log"):
            (self.folder / name).unlink(missing_ok=True)

    def simulate(self, watch: Callable[[Progress], None] | None) -> tuple[RunResult, Judge]:
        """Write the netlist and run it; return what came of it, and what works out the figures of a valid transient."""
        deck_folder = netlist_folder(self.design, self.folder / "netlist", self.dialect)
        end = self.design.loop.timeline.stop
        ran = run_deck(deck_folder, self.engine, end_time=end, timeout=self.config.engine.timeout, progress=watch)
        return ran, self.judged

    def _read(self, ran: RunResult, judge: Judge) -> dict[str, Any]:
        """Store the waveforms if they are wanted, and score them if the run is valid."""
        raw = read_raw(ran.raw)
        if self.waveforms:
            save_waveforms(raw, self.folder / "waveforms.nc", meanings(self.design.signals))
        if ran.verdict != Verdict.OK:
            return {}
        figures = judge(raw)
        if figures.get("verdict", Verdict.OK) == Verdict.OK:
            ran.raw.unlink()
        return figures

    def judged(self, raw: RawData) -> dict[str, Any]:
        """Return the figures of a valid transient: what it took, and what was learnt."""
        figures = energy_figures(self.design, raw)
        loop, network = self.design.loop, self.design.network
        time, signals = read_signals(self.design, raw)
        if wrong := begun_elsewhere(self.design, signals):
            return {"verdict": str(Verdict.ENGINE_ERROR), "message": wrong}
        history = epoch_history(time, signals, loop, network)
        figures |= learning_figures(self.design, history, self.config.loop.control_range)
        ends = channel_ends(time, signals, loop, network).tolist()
        figures["continue_with"] = {"start": ends[:-1], "threshold_start": ends[-1]}
        try:
            figures["gradient_along"] = along_figures(learning_trajectory(time, signals, loop, network), loop)
        except HgeError as error:  # a setting the run passed through, which the exact solver cannot do: the run is good
            figures["gradient_along"] = {"of": "loss", "reason": str(error)}
        return figures

    def check_network(self, result: dict[str, Any]) -> dict[str, Any]:
        """Let the simulator itself find the network's operating points at the start and end controls, alone."""
        network, task = self.design.network, self.design.loop.task
        end = [values[-1] for values in result["history"]["controls"].values()]
        points = case_voltages(network, task, np.array([self.design.loop.start, end])).reshape(-1, network.n_electrodes)
        bench = self.folder / "netlist" / "network_alone"
        circuit = network_bench(network, points, self.design.temperature)
        write_files(circuit, bench, self.dialect)
        fill_folder(bench)
        ran = run_deck(bench, self.engine, end_time=0, timeout=self.config.engine.timeout)
        if ran.verdict != Verdict.OK:
            return {
                "verdict": str(ran.verdict),
                "learnt": False,
                "learnt_epoch": None,
                "reason": "the network alone could not be simulated",
                "message": ran.message,
            }
        output = network.electrode_labels[network.output]
        sweep = circuit.analysis
        assert isinstance(sweep, CaseSweep)
        found = sweep.at_points(read_raw(ran.raw)[f"i(v_{output})"])
        expected = network.output_current(points)
        difference = float(np.abs(found - expected).max() / np.abs(expected).max())
        check = {
            "network_op": {
                "outputs": found.reshape(2, -1),
                "twin_difference": difference,
                "engine_s": ran.engine_s,
            }
        }
        if difference > _TWIN_TOLERANCE:
            return check | {
                "learnt": False,
                "learnt_epoch": None,
                "reason": f"simulator and exact solution of the network differ by {difference:.1e} of full scale",
            }
        return check
