"""Where the integrators went along a learning run, against the exact direction of descent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.blocks.transfer import CONTRACT, loss_slope
from hgesim.errors import RequestError
from hgesim.learning.score import case_voltages
from hgesim.loop import Channel, HomodyneLoop
from hgesim.network import Network

__all__ = [
    "LEAST_MOVE",
    "PARTS",
    "Trajectory",
    "channel_ends",
    "descent_angle",
    "learning_trajectory",
]

FloatArray = NDArray[np.float64]

# Controls that move less than this, in dithers, are not judged: drift and what the fit of the dither leaves.
LEAST_MOVE = 0.05
_FITTED = 50  # windows
PARTS = ("controls", "channels")


@dataclass(frozen=True)
class Trajectory:
    """What moved, and where the exact gradient points: one row an epoch, channels as in ``loop.channels``.

    Parameters
    ----------
    dither : ndarray, (C + 1,)
        Amplitude on every control and, last, on the threshold, in volt.
    begins : ndarray, (epochs, cases, C + 1)
        Voltages at the begin of a case's window, without the dither.
    moves : ndarray, (epochs, cases, C + 1)
        From the begin of a case's window to the begin of the next, without the dither, in volt.
    case_gradients : ndarray, (epochs, cases, C + 1)
        Of the loss circuit's output by the channels, halfway through the move, in V/V; 0 where the loop feels none:
        behind a closed hinge, or beyond the read-out's limit.
    counted : ndarray of bool, (epochs, cases)
        Where the angle says something: the error is larger than the ripple that the dither makes on it, the loop
        feels a gradient, and the controls move by `LEAST_MOVE` dithers or more.
    gradients : ndarray, (epochs, C + 1)
        Of the mean squared error over the cases, as the loss counts it, at the begin of the epoch, in V^2/V.
    """

    dither: FloatArray
    begins: FloatArray
    moves: FloatArray
    case_gradients: FloatArray
    counted: NDArray[np.bool_]
    gradients: FloatArray

    @property
    def epoch_moves(self) -> FloatArray:
        """Return how far the channels move in an epoch, (epochs, C + 1) in volt."""
        return np.asarray(self.moves.sum(axis=1))

    def head(self, epochs: int) -> Trajectory:
        """Return the first rows."""
        return replace(self, **{name: rows[:epochs] for name, rows in self._tables.items()})

    def then(self, later: Trajectory) -> Trajectory:
        """Return these rows and, behind them, those of later epochs of the same run."""
        return replace(
            self, **{name: np.concatenate([rows, later._tables[name]]) for name, rows in self._tables.items()}
        )

    @property
    def _tables(self) -> dict[str, NDArray[Any]]:
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "dither"}

    def case_angles(self, part: str = "controls") -> FloatArray:
        """Return the angle of every window's move to the descent of its case, (epochs, cases) in degree.

        Parameters
        ----------
        part : str
            ``"controls"``, or ``"channels"`` for controls and threshold together.
        """
        some = _part(part)
        return descent_angle(self.moves[..., some], self.case_gradients[..., some], self.dither[some])

    def epoch_angles(self, part: str = "controls") -> FloatArray:
        """Return the angle of an epoch's move to the descent of the mean squared error, (epochs,) in degree.

        Below 90 degrees the move leads downhill. NaN where no window of the epoch counts.
        """
        some = _part(part)
        angles = descent_angle(self.epoch_moves[:, some], self.gradients[:, some], self.dither[some])
        return np.where(self.counted.any(axis=1), angles, np.nan)


@dataclass(frozen=True)
class _Tone:
    """A tone: frequency in hertz, amplitudes of sine and cosine in volt; called with times in second."""

    frequency: float
    sine: float
    cosine: float

    def __call__(self, time: FloatArray) -> FloatArray:
        """Return its value, in volt."""
        turn = 2 * np.pi * self.frequency * time
        return np.asarray(self.sine * np.sin(turn) + self.cosine * np.cos(turn))


def _part(part: str) -> slice:
    if part not in PARTS:
        raise RequestError("gradient.unknown-part", f'"{part}"', place="part", remedy=" or ".join(PARTS))
    return slice(None, -1) if part == "controls" else slice(None)


def descent_angle(move: ArrayLike, gradient: ArrayLike, dither: ArrayLike) -> FloatArray:
    r"""Return the angle between a move and the descent that the loop is made for.

    The drive of channel j goes with its ripple ``A_j dL/dV_j``, so the loop descends in the coordinates
    ``V_j / sqrt(A_j)``: there its step is along minus the plain gradient, ``sqrt(A_j) dL/dV_j``. The angle is taken in
    them. Its cosine has the sign of ``-sum_j move_j dL/dV_j``: below 90 degrees the loss falls, to first order. For
    equal dithers it is the angle between the vectors themselves. Formula: W. Kahan, How Futile are Mindless Assessments
    of Roundoff (2006), exact for small and large angles.

    Parameters
    ----------
    move : array, (..., K)
        In volt.
    gradient : array, (..., K)
        Of a loss by the same channels, in any unit.
    dither : array, (K,)
        In volt, positive.

    Returns
    -------
    ndarray, (...,)
        From 0 to 180 degrees; NaN where nothing moves or nothing slopes.

    Raises
    ------
    RequestError
        ``gradient.bad-value`` for dithers that are not positive, or not as many as channels.
    """
    steps, slopes, sizes = (np.asarray(values, dtype=float) for values in (move, gradient, dither))
    if sizes.ndim != 1 or not steps.shape[-1:] == slopes.shape[-1:] == sizes.shape or not (sizes > 0).all():
        raise RequestError(
            "gradient.bad-value",
            f"moves {steps.shape}, gradients {slopes.shape}, dithers {sizes.tolist()}",
            place="dither",
            remedy="a positive dither for every channel",
        )
    root = np.sqrt(sizes)
    ahead, down = _unit(steps / root), _unit(-root * slopes)
    across, along = np.linalg.norm(ahead - down, axis=-1), np.linalg.norm(ahead + down, axis=-1)
    return np.asarray(np.degrees(2.0 * np.arctan2(across, along)))


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 0, vectors / np.where(length > 0, length, 1.0), np.nan)


def learning_trajectory(
    time: FloatArray, signals: Mapping[str, FloatArray], loop: HomodyneLoop, network: Network
) -> Trajectory:
    """Hold the moves of a transient's complete epochs against the exact gradient of the network.

    At the begin of a window the coupler has been held through ramp and settling, so that the low-passes are empty: from
    there to the next such moment a channel has moved by what its integrator took from one case, the low-pass's tail
    included. Dither and case are not in step, so the dither is subtracted, as it is found on the nets: integrators of
    real operational amplifiers lag behind it, by nearly 1 % of it. Of the run's last window the tail is missing.

    Parameters
    ----------
    time : ndarray, (T,)
        Rising, in second.
    signals : mapping of str to ndarray, (T,)
        By net: every channel's voltage, in volt. At most 50 windows are read whole, of the others two samples.
    loop : HomodyneLoop
        Time line, task and channels.
    network : Network
        The device; its gradient is exact.

    Returns
    -------
    Trajectory
        Rows for complete epochs only; none if the run stopped in the first.

    Raises
    ------
    RequestError
        ``gradient.no-signal`` for a channel without a waveform as long as `time`.
    HgeError
        ``network.no-convergence``.
    """
    line, channels = loop.timeline, loop.channels(network)
    missing = [channel.net for channel in channels if len(signals.get(channel.net, ())) != len(time)]
    if missing:
        raise RequestError(
            "gradient.no-signal",
            f"no waveform of {len(time)} points of {', '.join(missing)}",
            place="signals",
            remedy="give every channel's voltage at all times",
        )
    dither = np.array([channel.dither for channel in channels])
    epochs = min(line.epochs, int(np.floor(time[-1] / line.epoch + 1e-9))) if len(time) > 1 else 0
    if epochs == 0:
        none = np.zeros((0, line.cases, len(channels)))
        return Trajectory(dither, none, none, none, np.zeros((0, line.cases), dtype=bool), np.zeros((0, len(channels))))
    begins = [line.span(number // line.cases, number % line.cases)[0] for number in range(epochs * line.cases)]
    ends = [*begins[1:], min(epochs * line.epoch + line.pause, float(time[-1]))]
    shape = (epochs, line.cases, len(channels))
    tracks = [signals[channel.net] for channel in channels]
    waves = _dithers(time, tracks, np.array([[at, at + line.window] for at in begins]), channels)
    first, last = (_without_dither(time, tracks, waves, np.array(at)) for at in (begins, ends))
    first, moves = first.reshape(shape), (last - first).reshape(shape)
    slopes, counted = np.zeros(shape), np.zeros(shape[:2], dtype=bool)
    gradients = np.zeros((epochs, len(channels)))
    for epoch in range(epochs):
        error, change = _errors(network, loop, np.repeat(first[epoch, :1], line.cases, axis=0))
        felt = _felt(loop, error)
        gradients[epoch] = 2.0 * (np.where(felt, error, 0.0)[:, None] * change).mean(axis=0)
        error, change = _errors(network, loop, first[epoch] + moves[epoch] / 2)
        felt = _felt(loop, error)
        slopes[epoch] = np.where(felt, loss_slope(error), 0.0)[:, None] * change
        counted[epoch] = felt & (np.abs(error) > np.linalg.norm(dither * change, axis=-1))
    counted &= np.linalg.norm(moves[..., :-1], axis=-1) >= LEAST_MOVE * loop.settings.dither
    return Trajectory(dither, first, moves, slopes, counted, gradients)


def channel_ends(
    time: FloatArray, signals: Mapping[str, FloatArray], loop: HomodyneLoop, network: Network
) -> FloatArray:
    """Return where every channel is at the end of a transient, (C + 1,) in volt, without its dither.

    The dither is fitted in the last window before the end.

    Parameters
    ----------
    time, signals, loop, network
        As for `learning_trajectory`.

    Raises
    ------
    RequestError
        ``gradient.no-signal`` for a transient without a complete case.
    """
    line, channels = loop.timeline, loop.channels(network)
    cases = int(np.floor(time[-1] / line.case + 1e-9)) if len(time) > 1 else 0
    if cases == 0:
        raise RequestError("gradient.no-signal", "no case is complete", place="signals", remedy="simulate longer")
    begin = (cases - 1) * line.case + line.pause
    tracks = [signals[channel.net] for channel in channels]
    waves = _dithers(time, tracks, np.array([[begin, begin + line.window]]), channels)
    return np.asarray(_without_dither(time, tracks, waves, np.array([time[-1]]))[0])


def _dithers(
    time: FloatArray, tracks: Sequence[FloatArray], windows: FloatArray, channels: Sequence[Channel]
) -> list[_Tone]:
    """Return the dither on every channel's net as a function of time, by least squares over whole beats.

    In each of some windows the channels are a parabola and the carriers' sines and cosines; medians over the windows.
    """
    found = []
    for begin, end in windows[:: -(-len(windows) // _FITTED)]:
        part = slice(*np.searchsorted(time, [begin, end]))
        share = (time[part] - begin) / (end - begin)
        turns = 2 * np.pi * np.outer(time[part], [channel.carrier for channel in channels])
        basis = np.column_stack([np.sin(turns), np.cos(turns), share**0, share, share**2])
        found.append(np.linalg.lstsq(basis, np.column_stack([track[part] for track in tracks]), rcond=None)[0])
    fit, count = np.median(found, axis=0), len(channels)
    return [_Tone(channel.carrier, fit[k, k], fit[count + k, k]) for k, channel in enumerate(channels)]


def _without_dither(
    time: FloatArray, tracks: Sequence[FloatArray], waves: Sequence[_Tone], at: FloatArray
) -> FloatArray:
    """Return the channels at some moments, (moments, C + 1), the dither subtracted before points are joined."""
    left = np.clip(np.searchsorted(time, at, side="right") - 1, 0, len(time) - 2)
    share = ((at - time[left]) / (time[left + 1] - time[left]))[:, None]
    ends = [
        np.stack([track[k].astype(float) - wave(time[k]) for track, wave in zip(tracks, waves, strict=True)], axis=-1)
        for k in (left, left + 1)
    ]
    return np.asarray(ends[0] + share * (ends[1] - ends[0]))


def _errors(network: Network, loop: HomodyneLoop, channels: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return each case's error, in volt, and its derivative by every channel, in V/V, at channels (cases, C + 1)."""
    task, settings = loop.task, loop.settings
    volts = case_voltages(network, task, channels[:, :-1])[np.arange(len(channels)), np.arange(len(channels))]
    current, gradient, _ = network.output_and_gradient(volts)
    target = task.target * np.array(task.target_levels)
    error = -settings.transimpedance * (current + channels[:, -1] / settings.threshold_resistance - target)
    by_threshold = np.full((len(channels), 1), 1.0 / settings.threshold_resistance)
    change = -settings.transimpedance * np.hstack([gradient[:, list(network.controls)], by_threshold])
    return error, change


def _felt(loop: HomodyneLoop, error: FloatArray) -> NDArray[np.bool_]:
    """Tell where the loop feels a gradient: within the read-out's limit, and with the hinge open."""
    return (np.abs(error) < CONTRACT.readout_limit) & (loop.counted(error, loop.task.target_levels) != 0)
