"""Random paths in time: white and 1/f noise drawn with NumPy, so that a seed gives the same bytes on every engine.

SPICE's own transient noise cannot be seeded, and its device noise does not act in transients at all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hgesim.circuit import NoisePath
from hgesim.errors import RequestError
from hgesim.seeds import generator

__all__ = ["path_text", "sample_path"]

_MOST = 20_000_000


def sample_path(path: NoisePath) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw a path whose one-sided density is ``white^2 + flicker^2 / f`` up to half the sampling rate.

    White normal numbers are filtered in the frequency domain, so that amplitudes and phases are those of a Gaussian
    process (Timmer and Koenig, Astronomy and Astrophysics 300 (1995) 707). The simulator joins samples by straight
    lines, which is a filter of ``sinc(f step)^2``; the samples are raised by its inverse. The mean over the whole time
    is zero: what is slower than that is an offset.

    Parameters
    ----------
    path : NoisePath
        What is drawn, and over which time.

    Returns
    -------
    time, value : array, (N,)
        In second, and in the unit of the net.

    Raises
    ------
    RequestError
        ``nonideal.too-long`` for more samples than a file should hold.
    """
    count = int(np.ceil(path.stop / path.step)) + 2
    if count > _MOST:
        raise RequestError(
            "nonideal.too-long",
            f"{count} samples of {path.note or path.name}",
            place="nonideal",
            remedy="a shorter run (loop.epochs), or lower carriers (loop.base)",
        )
    random = generator(path.seed, "nonideal", *path.place)
    unit = random.standard_normal(count) / np.sqrt(2.0 * path.step)  # one-sided density 1
    frequency = np.fft.rfftfreq(count, path.step)
    shape = np.zeros_like(frequency)
    shape[1:] = np.sqrt(path.white**2 + path.flicker**2 / frequency[1:]) / np.sinc(frequency[1:] * path.step) ** 2
    value = np.fft.irfft(np.fft.rfft(unit) * shape, count)
    return path.step * np.arange(count, dtype=float), np.asarray(value, dtype=float)


def path_text(path: NoisePath) -> str:
    """Write a path as the two columns that the simulator reads: second, and the unit of the net."""
    time, value = sample_path(path)
    return "".join(f"{t:.9e} {v:.9e}\n" for t, v in zip(time.tolist(), value.tolist(), strict=True))
