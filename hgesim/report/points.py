"""The operating points a report shows: electrode voltages before and after, and what the network does there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hgesim.errors import HgeError
from hgesim.network import Hopping, Network
from hgesim.report.cases import cases, kind_of
from hgesim.report.record import FloatArray, Record, dig, numbers, real, text
from hgesim.report.waves import read_timeline, read_waves, window

__all__ = ["Point", "operating_points", "target_levels", "threshold_currents", "threshold_lines"]


@dataclass(frozen=True)
class Point:
    """The network at one setting.

    Parameters
    ----------
    volts : ndarray, (E,)
        Of the electrodes, in volt.
    currents : ndarray, (E,)
        Out of the network into the electrodes, in ampere.
    bonds : ndarray, (B,)
        From the first to the second node of each bond, in ampere.
    potentials : ndarray, (N,)
        Of the sites, in volt.
    occupation : ndarray, (N,), or None
        Of the sites by holes; None where bonds are not all hopping bonds.
    """

    volts: FloatArray
    currents: FloatArray
    bonds: FloatArray
    potentials: FloatArray
    occupation: FloatArray | None


def operating_points(record: Record, case: int) -> tuple[Point | None, Point | None]:
    """Solve the stored network at the first and the last stored controls, for one case.

    Parameters
    ----------
    record : Record
        The run.
    case : int
        Number of the input case.

    Returns
    -------
    before, after : Point or None
        None where the run does not hold what is needed.
    """
    network = record.network
    if network is None:
        return None, None
    inputs = _input_volts(record, network, case)
    if inputs is None:
        return None, None
    found = [None if ends is None else _solve(network, inputs, ends) for ends in _control_ends(record, network)]
    return found[0], found[1]


def _solve(network: Network, inputs: FloatArray, controls: FloatArray) -> Point | None:
    volts = np.zeros(network.n_electrodes)
    volts[list(network.inputs)] = inputs
    volts[list(network.controls)] = controls
    try:
        solution = network.solve(volts)
        bonds = network.bond_currents(volts)
    except HgeError:
        return None
    hops = all(isinstance(law, Hopping) for law in network.bond_laws)
    occupation = solution.occupations if hops else None
    return Point(volts, solution.currents, bonds, solution.potentials, occupation)


def _control_ends(record: Record, network: Network) -> tuple[FloatArray | None, FloatArray | None]:
    """Return control voltages at begin and end.

    The history holds the ends of epochs, so the begin comes from the first sample of the waveforms, where every dither
    passes zero; the end comes from the history, else from the last sample.
    """
    labels = [network.electrode_labels[k] for k in network.controls]
    nets = [text(record.result, "signals", "controls", label) for label in labels]
    _, waves = read_waves(record, nets)
    given = numbers(dig(record.result, "attempts", -1), "start")  # exact, where the first sample has the servo's error
    first = given if len(given) == len(nets) else np.array([_end_of(waves.get(net), 0) for net in nets])
    kept = np.array([_end_of(numbers(record.result, "history", "controls", label), -1) for label in labels])
    last = kept if np.isfinite(kept).all() else np.array([_end_of(waves.get(net), -1) for net in nets])
    return (first if np.isfinite(first).all() else None), (last if np.isfinite(last).all() else None)


def _end_of(track: FloatArray | None, end: int) -> float:
    """Return the first (0) or last (-1) finite value of a track, or NaN."""
    finite = track[np.isfinite(track)] if track is not None else np.zeros(0)
    return float(finite[end]) if len(finite) else float("nan")


def _input_volts(record: Record, network: Network, case: int) -> FloatArray | None:
    """Return the input voltages of a case: from its inputs and the task's levels, else as the waveforms have them."""
    labels = [network.electrode_labels[k] for k in network.inputs]
    if not labels:
        return np.zeros(0)
    inputs = numbers(dig(cases(record), case), "inputs")
    if kind_of(record) == "gate":
        inputs = np.where(np.isin(inputs, (0.0, 1.0)), 2.0 * inputs - 1.0, np.nan)
    level, offsets = real(record.config, "task", "level"), numbers(record.config, "task", "offsets")
    if level is not None and len(inputs) == len(labels) and len(offsets) in (0, len(labels)):
        volts = level * inputs + (offsets if len(offsets) else 0.0)
        if np.isfinite(volts).all():
            return np.asarray(volts)
    timeline = read_timeline(record.result)
    nets = [dig(record.result, "signals", "inputs", label) for label in labels]
    time, waves = read_waves(record, [net for net in nets if isinstance(net, str)])
    if timeline is None or len(waves) < len(set(labels)) or case >= timeline.cases:
        return None
    start, stop = timeline.holds(0)[case]
    part = window(time, start, stop)
    if part.stop - part.start < 1:
        return None
    values = np.array([np.median(waves[net][part]) for net in nets])
    return values if np.isfinite(values).all() else None


def threshold_currents(record: Record) -> tuple[float | None, float | None]:
    """Return the threshold at begin and end, in ampere.

    The final one is stored; the first is the threshold's voltage at time 0 over the threshold resistance, or where
    that is not stored, in proportion to the final ones.
    """
    last = real(record.result, "threshold")
    final = _end_of(numbers(record.result, "history", "threshold"), -1)
    net = text(record.result, "signals", "threshold")
    _, waves = read_waves(record, [net])
    start = _end_of(waves.get(net), 0)
    resistance = real(record.config, "loop", "threshold_resistance")
    if np.isfinite(start) and resistance:
        return -start / resistance, last
    if last is None or not np.isfinite([final, start]).all() or abs(final) < 1e-6:
        return None, last
    return last * start / final, last


def threshold_lines(record: Record, threshold: float | None) -> list[float]:
    """Return the currents at which a panel has lines, in ampere: the threshold and the outputs of zero error."""
    return [] if threshold is None else [threshold, *(target_levels(record, threshold) or ())]


def target_levels(record: Record, threshold: float | None) -> tuple[float, float] | None:
    """Return the output currents at which the error vanishes for targets 0 and 1, in ampere, when they are stored."""
    half = real(record.config, "task", "target")
    if half is None or threshold is None:
        return None
    return threshold - half, threshold + half
