"""Where a measured gradient's error comes from: one thing after the other made ideal, and what that changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim.blocks import Block, get_block
from hgesim.experiment.instrument import Instrument
from hgesim.learning import compare_gradients, dithered_gradient
from hgesim.loop import OpenLoop

__all__ = ["PARTS", "Reference", "breakdown"]

FloatArray = NDArray[np.float64]

_LONGER = 4  # times the window, and twice the settling
# What each part is called, by what is made ideal or compared.
PARTS = {
    "readout": "read-out",
    "loss": "squarer",
    "coupler": "coupler",
    "mixer": "mixer",
    "lowpass": "filter",
    "window": "finite window",
    "network": "network dynamics",
    "contract": "ideal blocks",
    "harmonics": "mixers' harmonics",
    "intermodulation": "intermodulation",
    "curvature": "dither curvature",
}


@dataclass(frozen=True, eq=False)
class Reference:
    """What is right at each point, and how to calibrate.

    Parameters
    ----------
    exact, dithered, apart : ndarray, (P, C)
        Adjoint; twin with the same dither; the same with one tone at a time.
    counted : ndarray of bool, (P,)
        Points that count.
    siemens, error : float
        Of the resistors, and the error at which they are measured, in volt.
    """

    exact: FloatArray
    dithered: FloatArray
    apart: FloatArray
    counted: NDArray[np.bool_]
    siemens: float
    error: float


def breakdown(
    tool: Instrument,
    loop: OpenLoop,
    reference: Reference,
    measured: FloatArray,
    points: int,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Return how much each part changes the gradient, as medians.

    At the first `points` points that count: each block by its ideal one, alone, and calibrated anew; the window by one
    four times as long behind a settling twice as long; with all blocks ideal, the sites' capacitances by none, and what
    is left against the twin (the contract's own curves: range of the mixers, odd harmonics of their reference; time
    step). At all points that count, by the twin: those harmonics by themselves (of the output), all tones against one
    at a time, and one at a time against the exact gradient. Parts act together: they need not add up to the whole.

    Parameters
    ----------
    tool, loop
        How everything was measured.
    reference : Reference
        What is right.
    measured : ndarray, (P, C)
        The whole measurement.
    points : int
        How many of the first points; 0 leaves the circuits' parts out.
    say : callable
        Called with a line about each measurement that is done.

    Returns
    -------
    list of dict
        ``part`` (a key of `PARTS`), ``name``, ``points``, ``angle_deg``, ``relative_error`` and what each is measured
        by, ``how``.
    """
    few = np.flatnonzero(reference.counted)[:points]
    rows = _circuit_parts(tool, loop, reference, measured, few, say) if len(few) else []
    keep = np.flatnonzero(reference.counted)
    twin, apart, exact = (table[keep] for table in (reference.dithered, reference.apart, reference.exact))
    if loop.measured == "output":
        volts, values = loop.points.take(keep.tolist()).volts, loop.settings
        switched = dithered_gradient(
            tool.network, volts, loop.plan, values.dither, reference=values.reference, shape=values.reference_shape
        )
        how = "twin: with the switching reference of the mixers against a pure sine"
        rows.append(_part("harmonics", switched, twin, how))
    rows.append(_part("intermodulation", twin, apart, "twin: all tones against one at a time"))
    rows.append(_part("curvature", apart, exact, "twin: one tone at a time against the exact gradient"))
    return rows


def _circuit_parts(
    tool: Instrument,
    loop: OpenLoop,
    reference: Reference,
    measured: FloatArray,
    keep: NDArray[np.int64],
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Measure again with one thing made ideal after the other."""
    few = _some(loop, keep)
    ideal = {kind: get_block(kind, "ideal") for kind in loop.kinds}

    def found(instrument: Instrument, name: str, way: OpenLoop = few) -> FloatArray:
        done = instrument.measure(way, f"{loop.measured}_{name}", reference.siemens, reference.error)
        say(f"{loop.measured}: {name}, {done.run.engine_s:.1f} s")
        return done.gradient

    whole, rows = measured[keep], []
    for kind in loop.kinds:
        block = tool.blocks[kind]
        if _same(block, ideal[kind]):
            rows.append(_part(kind, whole, whole, "ideal, or the same circuit as the ideal one"))
            continue
        changed = tool.replace(blocks={**tool.blocks, kind: ideal[kind]})
        rows.append(_part(kind, whole, found(changed, f"ideal_{kind}"), f"{block.technology} against ideal"))
    pace = tool.pace
    slow = tool.replace(pace=dataclasses.replace(pace, beats=_LONGER * pace.beats, release=2 * pace.release))
    long = dataclasses.replace(slow.loop(few.points, loop.measured), settings=loop.settings)
    rows.append(_part("window", whole, found(slow, "longer_window", long), f"against a window {_LONGER} times as long"))
    perfect = tool.replace(blocks=ideal)
    static = found(perfect.replace(site_capacitance=0.0), "ideal_static")
    if tool.site_capacitance > 0:
        lagging = found(perfect, "ideal")
        rows.append(_part("network", lagging, static, "with the sites' capacitances against without, all blocks ideal"))
    how = "all blocks ideal, no capacitances, against the twin with the same dither"
    return [*rows, _part("contract", static, reference.dithered[keep], how)]


def _part(key: str, one: FloatArray, other: FloatArray, how: str) -> dict[str, Any]:
    change = compare_gradients(one, other, np.ones(len(one), dtype=bool))
    return {
        "part": key,
        "name": PARTS[key],
        "points": change.points,
        "angle_deg": change.angle_deg,
        "relative_error": change.relative_error,
        "how": how,
    }


def _some(loop: OpenLoop, keep: NDArray[np.int64]) -> OpenLoop:
    """Return the loop at some of its points."""
    line = dataclasses.replace(loop.timeline, cases=len(keep))
    return dataclasses.replace(loop, points=loop.points.take(keep.tolist()), timeline=line)


def _same(block: Block, ideal: Block) -> bool:
    """Tell whether two blocks are the same circuit but for their names and comments."""

    def code(one: Block) -> list[str]:
        lines = (line.strip() for line in one.text.replace(one.subckt, one.kind).splitlines())
        return [line for line in lines if line and not line.startswith("*")]

    return not block.uses and not ideal.uses and code(block) == code(ideal)
