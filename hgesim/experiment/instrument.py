"""The open loop as an instrument: set its range, calibrate it with resistors, and measure a network with it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.blocks import Block
from hgesim.design import CaseSweep, Circuit, network_bench, open_loop_bench, resistor_standard
from hgesim.engine import Engine, RawData, RunResult, Verdict, fill_folder, read_raw, run_deck
from hgesim.errors import HgeError
from hgesim.learning import (
    Readings,
    best_range,
    branch_gains,
    calibrated_gradient,
    difference_voltages,
    read_means,
    uncalibrated_gradient,
)
from hgesim.loop import LoopSettings, OpenLoop, OperatingPoints, Timeline, TonePlan
from hgesim.loop.open_loop import RELEASE
from hgesim.netlist import write_files
from hgesim.network import Network
from hgesim.nonideal import Nonideal
from hgesim.waveforms import save_waveforms

__all__ = ["Instrument", "InvalidRun", "Measurement", "Pace", "in_range"]

FloatArray = NDArray[np.float64]

_FINER = 1.2


class InvalidRun(HgeError):
    """A transient or sweep that is no valid simulation: `verdict` and the simulator's message."""

    def __init__(self, name: str, run: RunResult) -> None:
        super().__init__("gradient.invalid-run", run.message, place=name)
        self.verdict = str(run.verdict)


@dataclass(frozen=True)
class Pace:
    """Times at each operating point: ramp, settling with the coupler held, settling with it let go (s), and beats."""

    ramp: float = 100e-6
    settle: float = 50e-6
    release: float = RELEASE
    beats: int = 1


@dataclass(frozen=True, eq=False)
class Measurement:
    """What one measurement found.

    Parameters
    ----------
    gradient, uncalibrated : ndarray, (P, C)
        With and without calibration; A/V of the output, V^2/V of the loss.
    readings : Readings
        At the operating points.
    gains : ndarray, (C + 1,)
        Of the branches, in volt per ampere.
    run : RunResult
        Of the operating points.
    circuit : Circuit
        That ran.
    """

    gradient: FloatArray
    uncalibrated: FloatArray
    readings: Readings
    gains: FloatArray
    run: RunResult
    circuit: Circuit


@dataclass(frozen=True)
class Instrument:
    """A network with the electronics that measure it.

    Parameters
    ----------
    network : Network
        The device.
    blocks : mapping of str to Block
        One for each kind of ``OpenLoop.kinds``.
    plan : TonePlan
        Carriers of the controls, then of the pilot.
    settings : LoopSettings
        Dithers, reference, threshold resistance; its transimpedance is the greatest range allowed.
    engine : Engine
        The simulator.
    folder : Path
        In which every circuit gets a folder of its own.
    dialect : str
        Of the bonds.
    timeout : float
        Wall time allowed for each circuit, in second.
    repeats : int
        How often a transient in which the simulator gave up is repeated with a shorter step.
    pace : Pace
        Times at each point.
    site_capacitance : float
        In farad.
    temperature : float
        Of the electronics, in kelvin.
    chip : Nonideal
        What is not ideal, in calibration and measurement alike.
    """

    network: Network
    blocks: Mapping[str, Block]
    plan: TonePlan
    settings: LoopSettings
    engine: Engine
    folder: Path
    dialect: str = "osdi"
    timeout: float = 3600.0
    repeats: int = 1
    pace: Pace = Pace()
    site_capacitance: float = 20e-15
    temperature: float = 300.0
    chip: Nonideal = field(default_factory=Nonideal)

    def replace(self, **changes: Any) -> Instrument:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def loop(self, points: OperatingPoints, measured: str) -> OpenLoop:
        """Return the open loop for some points, in the greatest range allowed."""
        pace = self.pace
        settle, window = pace.settle + pace.release, pace.beats * self.plan.beat
        line = Timeline(pace.ramp, settle, window, len(points), 1)
        return OpenLoop(points, self.plan, line, self.settings, measured, pace.release)

    def ranged(self, points: OperatingPoints, measured: str, current: ArrayLike, derivatives: ArrayLike) -> OpenLoop:
        """Return the open loop in the best range for what is to be expected; see `hgesim.learning.best_range`."""
        loop = self.loop(points, measured)
        return in_range(loop, best_range(loop, current, derivatives))

    def measure(self, loop: OpenLoop, name: str, siemens: float, error: float, keep: Path | None = None) -> Measurement:
        """Calibrate with resistors, then measure.

        Parameters
        ----------
        loop : OpenLoop
            In its range.
        name : str
            Of the folders: ``<name>`` and ``<name>_standard``.
        siemens : float
            Of the resistors.
        error : float
            At which the loss circuit is calibrated, in volt.
        keep : Path, optional
            Where to store the waveforms.

        Raises
        ------
        InvalidRun
            When a transient is no valid simulation.
        """
        network = self.network
        target = error / loop.settings.transimpedance if loop.measured == "loss" else 0.0
        rest = OperatingPoints(((0.0,) * network.n_electrodes,), (target,))
        line = dataclasses.replace(loop.timeline, cases=1)
        standard = dataclasses.replace(loop, points=rest, timeline=line)
        known = resistor_standard(network, siemens)
        calibration, _, _ = self._transient(known, standard, f"{name}_standard")
        gains = branch_gains(calibration, siemens, standard)
        readings, run, circuit = self._transient(network, loop, name, keep)
        found, raw = calibrated_gradient(readings, gains, loop), uncalibrated_gradient(readings, loop)
        return Measurement(found, raw, readings, gains, run, circuit)

    def beside_points(self, points: OperatingPoints, name: str) -> tuple[FloatArray, float]:
        """Let the simulator find the network's operating points at and beside each point, the network alone.

        Returns
        -------
        currents : ndarray, (P (2C + 1),)
            Of the output at `hgesim.learning.difference_voltages`, in ampere.
        step : float
            In volt.
        """
        table, step = difference_voltages(self.network, points.volts)
        circuit = network_bench(self.network, table, self.temperature)
        raw, _ = self._run(circuit, name, 0.0)
        sweep = circuit.analysis
        assert isinstance(sweep, CaseSweep)
        label = self.network.electrode_labels[self.network.output]
        return sweep.at_points(raw[f"i(v_{label})"]), step

    def _transient(
        self, network: Network, loop: OpenLoop, name: str, keep: Path | None = None
    ) -> tuple[Readings, RunResult, Circuit]:
        for left in range(self.repeats, -1, -1):
            circuit = open_loop_bench(network, loop, self.blocks, self.site_capacitance, self.temperature, self.chip)
            try:
                raw, run = self._run(circuit, name, loop.timeline.stop)
                break
            except InvalidRun as bad:
                if bad.verdict != Verdict.ABORTED or not left:
                    raise
            finer = dataclasses.replace(loop.plan, steps_per_cycle=loop.plan.steps_per_cycle * _FINER)
            loop = dataclasses.replace(loop, plan=finer)
        nets = {net: raw[f"v({net})"] for net in circuit.probes}
        if keep is not None:
            save_waveforms(raw, keep)
        return read_means(raw["time"], nets, loop, network), run, circuit

    def _run(self, circuit: Circuit, name: str, end: float) -> tuple[RawData, RunResult]:
        """Run a circuit in a folder of its own; its rows are read and removed, its log and deck stay."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        write_files(circuit, folder, self.dialect)
        fill_folder(folder)
        run = run_deck(folder, self.engine, end_time=end, timeout=self.timeout)
        if run.verdict != Verdict.OK:
            raise InvalidRun(name, run)
        raw = read_raw(run.raw)
        rows = dataclasses.replace(raw, values=np.array(raw.values))
        run.raw.unlink()
        return rows, run


def in_range(loop: OpenLoop, ohms: float) -> OpenLoop:
    """Return the loop with another transimpedance.

    Raises
    ------
    RequestError
        ``loop.bad-value``.
    """
    return dataclasses.replace(loop, settings=dataclasses.replace(loop.settings, transimpedance=ohms))
