"""The phase of the references: what the blocks do to the ripple at each carrier, and how far references lag dithers.

The coupler's high-pass lets the ripple lead its dither by ``arctan(f_c/f)``; a pole of the read-out lets it lag by
``arctan(f/f_r)``. A reference in phase with the dither keeps the cosine of the difference; one that lags as the ripple
does keeps all of it, and hears nothing of what is in quadrature.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgesim.arguments import check_real, check_reals
from hgesim.blocks import Block
from hgesim.blocks.transfer import CONTRACT, coupler_response
from hgesim.errors import RequestError, nearest

if TYPE_CHECKING:
    from hgesim.loop.homodyne import LoopSettings

__all__ = ["AUTO", "check_phase", "nominal_lags", "reference_lags", "trim_gains"]

FloatArray = NDArray[np.float64]

AUTO = "auto"
_LARGEST = 180.0
# Poles of the library's read-outs at their nominal transimpedance, from the lag that was simulated at 20 kHz with 1 pF
# at the input, in hertz; resistor and capacitor of the feedback make them: they go with the inverse of the resistor.
_READOUT_POLES = {"gf180": 195e3, "discrete": 183e3}


def check_phase(phase: float | Sequence[float] | str) -> float | tuple[float, ...] | str:
    """Return the setting ``loop.reference_phase``: degrees, one for all channels or one for each, or ``"auto"``.

    Raises
    ------
    RequestError
        ``loop.bad-value`` for anything else, and beyond half a turn.
    """
    code, place = "loop.bad-value", "loop.reference_phase"
    if isinstance(phase, str):
        if phase != AUTO:
            raise RequestError(code, f'"{phase}"', place=place, remedy=f"degrees, or {nearest(phase, [AUTO])}")
        return phase
    many = isinstance(phase, Sequence | np.ndarray)
    values = check_reals(phase, code, place) if many else (check_real(phase, code, place),)
    if not values or not all(math.isfinite(value) and abs(value) <= _LARGEST for value in values):
        raise RequestError(
            code, f"{list(values)} deg", place=place, remedy=f"degrees from -{_LARGEST:g} to {_LARGEST:g}"
        )
    return values if many else values[0]


def nominal_lags(
    carriers: ArrayLike, readout: Block | None = None, transimpedance: float = CONTRACT.readout_rf
) -> FloatArray:
    """Return by how much the ripple lags the dither at each carrier, (C,) in radian; negative where it leads.

    Parameters
    ----------
    carriers : array, (C,)
        In hertz.
    readout : Block, optional
        One of the library has the pole that was measured for its technology; any other, and none, has no pole.
    transimpedance : float
        Of that read-out, in ohm.

    Notes
    -----
    Against read-out, loss circuit and coupler simulated together at 5 kHz and 20 kHz this is right to 1 degree for
    gf180, and up to 5 degrees too little for discrete, whose limiter and multiplier are slower.
    """
    f = np.asarray(carriers, dtype=float)
    pole = _READOUT_POLES.get(readout.technology) if readout is not None else None
    behind = np.arctan(f * transimpedance / (pole * CONTRACT.readout_rf)) if pole else 0.0
    return np.asarray(behind - np.angle(coupler_response(f)))


def reference_lags(
    settings: LoopSettings, carriers: Sequence[float], blocks: Mapping[str, Block] | None = None
) -> FloatArray:
    """Return how far every channel's reference lags its dither, (C,) in radian.

    Parameters
    ----------
    settings : LoopSettings
        Its ``reference_phase``; ``"auto"`` is what `nominal_lags` says.
    carriers : sequence of float
        Of the channels, in hertz.
    blocks : mapping of str to Block, optional
        The read-out among them counts.

    Raises
    ------
    RequestError
        ``loop.channel-count`` for a number of phases that is not that of the channels.
    """
    phase = settings.reference_phase
    if phase == AUTO:
        return nominal_lags(carriers, (blocks or {}).get("readout"), settings.transimpedance)
    if isinstance(phase, tuple) and len(phase) != len(carriers):
        raise RequestError(
            "loop.channel-count",
            f"{len(phase)} phases for {len(carriers)} channels",
            place="loop.reference_phase",
            remedy=f"give {len(carriers)}, the threshold's last, or one for all",
        )
    return np.radians(np.broadcast_to(np.asarray(phase, dtype=float), (len(carriers),)))


def trim_gains(settings: LoopSettings, carriers: Sequence[float]) -> FloatArray:
    """Return by what the trim multiplies each channel's in-phase part behind a nominal coupler, (C,); 1 without trim.

    A ripple that lags by ``a`` and a reference that lags by ``b`` have the mean product ``cos(a - b)``, against
    ``cos(a)`` without trim.
    """
    lags = nominal_lags(carriers)
    return np.asarray(np.cos(lags - reference_lags(settings, carriers)) / np.cos(lags))
