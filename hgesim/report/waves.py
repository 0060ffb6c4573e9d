"""Excerpts and spectra of the stored waveforms, read net by net so that memory stays small."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hgesim.report.record import FloatArray, Record, dig, items, numbers, real, text

__all__ = [
    "Carrier",
    "Timeline",
    "carriers",
    "mixer_nets",
    "read_timeline",
    "read_waves",
    "reference_words",
    "spectrum",
    "window",
]

PER_CYCLE = 16  # samples per period of the fastest carrier, at least


@dataclass(frozen=True)
class Timeline:
    """When what happens, in seconds.

    Parameters
    ----------
    dead : float
        Ramp and settling at the begin of a case, during which the loop is held.
    hold : float
        The rest of the case.
    cases, epochs : int
        Cases in an epoch, epochs planned.
    """

    dead: float
    hold: float
    cases: int
    epochs: int

    @property
    def case(self) -> float:
        """Length of a case in seconds."""
        return self.dead + self.hold

    @property
    def epoch(self) -> float:
        """Length of an epoch in seconds."""
        return self.case * self.cases

    def holds(self, epoch: int) -> list[tuple[float, float]]:
        """Return begin and end of the hold time of each case of an epoch."""
        starts = [epoch * self.epoch + q * self.case + self.dead for q in range(self.cases)]
        return [(start, start + self.hold) for start in starts]


@dataclass(frozen=True)
class Carrier:
    """One tone: the channel it belongs to and its frequency in Hz."""

    channel: str
    frequency: float


def read_timeline(result: Mapping[str, Any]) -> Timeline | None:
    """Read the timeline of a run, or None when it is incomplete."""
    ramp, settle, hold = (real(result, "timeline", key) for key in ("ramp", "settle", "window"))
    cases = dig(result, "timeline", "cases")
    count = len(cases) if isinstance(cases, list) else int(real(cases) or 0)
    if ramp is None or hold is None or hold <= 0 or ramp < 0 or (settle or 0.0) < 0 or not 0 < count < 1000:
        return None
    return Timeline(ramp + (settle or 0.0), hold, count, int(real(result, "timeline", "epochs") or 0))


def reference_words(result: Mapping[str, Any]) -> str:
    """Say what the mixers' references are: a sine in phase with the dither, unless the plan says otherwise."""
    shape, lags = text(result, "plan", "reference", "shape"), numbers(result, "plan", "reference", "lag_deg")
    wave = "square wave" if shape == "square" else "sin 2πft"
    return f"reference {wave}" + (", trimmed" if np.any(lags) else "")


def carriers(result: Mapping[str, Any]) -> tuple[Carrier, ...]:
    """Read the carriers of the plan."""
    found = [
        Carrier(text(tone, "channel"), frequency)
        for tone in items(result, "plan", "carriers")
        if (frequency := real(tone, "frequency")) is not None and frequency > 0
    ]
    return tuple(found)


def read_waves(record: Record, nets: Iterable[str]) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Read some nets.

    Returns
    -------
    time : ndarray
        In seconds; empty when there are no readable waveforms.
    waves : dict
        The nets found, in volt.
    """
    if record.waveforms is None:
        return np.zeros(0), {}
    import h5netcdf

    try:
        with h5netcdf.File(record.waveforms, "r") as file:
            stored = file.variables
            time = np.asarray(stored["time"][...], dtype=float)
            wanted = [net for net in dict.fromkeys(nets) if net in stored and stored[net].dimensions == ("time",)]
            return time, {net: np.asarray(stored[net][...], dtype=float) for net in wanted}
    except (OSError, KeyError, ValueError, TypeError):
        return np.zeros(0), {}


def window(time: FloatArray, start: float, stop: float) -> slice:
    """Return the slice of samples from `start` to `stop`, in seconds."""
    first, last = np.searchsorted(time, [start, stop])
    return slice(int(first), int(last))


def mixer_nets(result: Mapping[str, Any]) -> list[str]:
    """Return the one or two nets of the mixer input."""
    found = dig(result, "signals", "mixer_input")
    found = [found] if isinstance(found, str) else found or []
    return [net for net in found if isinstance(net, str)][:2]


def difference(waves: Mapping[str, FloatArray], nets: list[str]) -> FloatArray | None:
    """Return the mixer input: the one net, or the first minus the second."""
    if not nets or any(net not in waves for net in nets):
        return None
    return waves[nets[0]] if len(nets) == 1 else waves[nets[0]] - waves[nets[1]]


def beat(tones: Iterable[Carrier]) -> float | None:
    """Return the time in seconds after which all carriers are in phase again: 1 / their greatest common divisor."""
    milli = [round(tone.frequency * 1000) for tone in tones]
    return 1000.0 / float(np.gcd.reduce(milli)) if milli and all(milli) else None


def spectrum(
    time: FloatArray, wave: FloatArray, timeline: Timeline, tones: tuple[Carrier, ...], epoch: int
) -> tuple[FloatArray, FloatArray, int] | None:
    """Return the amplitude spectrum over the hold times of an epoch.

    The last whole beats of each hold time are resampled uniformly by linear interpolation, so that every carrier
    falls on a bin and no window function is needed; powers are averaged over the cases.

    Parameters
    ----------
    time, wave : ndarray
        In seconds and volt; times not equally spaced.
    timeline : Timeline
        Where the hold times are.
    tones : tuple of Carrier
        Fix the beat and the sampling rate.
    epoch : int
        Which, from 0.

    Returns
    -------
    frequency, amplitude : ndarray
        In hertz and volt (peak), without DC.
    beats : int
        In each hold time.
    """
    period = beat(tones)
    if period is None:
        return None
    beats = int(np.floor(timeline.hold / period + 1e-6))
    length = beats * period
    count = int(np.ceil(PER_CYCLE * max(tone.frequency for tone in tones) * length))
    if beats < 1 or not 8 <= count <= 400_000:
        return None
    power = np.zeros(count // 2 + 1)
    used = 0
    for _, stop in timeline.holds(epoch):
        if time[-1] < stop - 0.01 * timeline.hold:
            break
        part = window(time, stop - 1.01 * length, stop + 0.01 * length)
        piece = (
            np.interp(stop - length + np.arange(count) * (length / count), time[part], wave[part])
            if part.stop > part.start
            else None
        )
        if piece is None or not np.isfinite(piece).all():
            break
        power += np.abs(np.fft.rfft(piece) * (2.0 / count)) ** 2
        used += 1
    if not used:
        return None
    return np.arange(1, len(power)) / length, np.sqrt(power[1:] / used), beats
