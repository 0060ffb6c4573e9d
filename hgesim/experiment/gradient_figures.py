"""What ``result.json`` of a gradient measurement holds."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgesim._version import __version__
from hgesim.experiment.breakdown import Reference
from hgesim.experiment.experiment import Experiment
from hgesim.experiment.instrument import Instrument, Measurement
from hgesim.learning import compare_gradients, finite_difference, gradient_angle, gradient_error
from hgesim.loop import OpenLoop, OperatingPoints

__all__ = ["origin", "quantity_figures"]

FORMAT_VERSION = 1
FloatArray = NDArray[np.float64]
_UNITS = {"output": "A/V", "loss": "V^2/V"}
_COMPARED = (
    ("measured", "dithered"),
    ("measured", "exact"),
    ("uncalibrated", "exact"),
    ("dithered", "exact"),
    ("finite_difference", "exact"),
)


def quantity_figures(
    loop: OpenLoop,
    reference: Reference,
    found: Measurement,
    beside_points: tuple[FloatArray, float],
    parts: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return the figures of one quantity: its gradients point by point, how they compare, and what it cost.

    Parameters
    ----------
    loop, reference, found
        How it was measured, what is right, and what was found.
    beside_points : tuple of ndarray and float
        From `Instrument.beside_points`.
    parts : list of dict
        From `hgesim.experiment.breakdown.breakdown`.

    Returns
    -------
    dict
        ``gradient`` (a row for each point), ``summary`` and ``costs``.
    """
    gradients = {
        "measured": found.gradient,
        "uncalibrated": found.uncalibrated,
        "dithered": reference.dithered,
        "finite_difference": finite_difference(*beside_points, loop),
        "exact": reference.exact,
    }
    compared = {
        (one, other): compare_gradients(gradients[one], gradients[other], reference.counted) for one, other in _COMPARED
    }
    return {
        "gradient": [_row(loop.measured, number, gradients, reference) for number in range(len(loop.points))],
        "summary": {
            "unit": _UNITS[loop.measured],
            "transimpedance": loop.settings.transimpedance,
            "standard": reference.siemens,
            "gains": found.gains.tolist(),
            "difference_step": beside_points[1],
            "comparisons": [
                {"of": one, "against": other} | dataclasses.asdict(figures)
                for (one, other), figures in compared.items()
            ],
            "parts": parts,
        },
        "costs": {
            "transistors": found.circuit.transistors,
            "nodes": len(set(found.circuit.nets()) - {"0"}),
            "timepoints": found.run.points,
            "iterations": found.run.iterations,
            "simulated_s": found.run.reached,
            "engine_s": found.run.engine_s,
        },
    }


def _row(of: str, point: int, gradients: dict[str, FloatArray], reference: Reference) -> dict[str, Any]:
    """Return one point's record."""
    measured, exact = gradients["measured"][point], reference.exact[point]
    error = gradient_error(measured, exact)
    return {
        "of": of,
        "unit": _UNITS[of],
        "point": point,
        **{name: values[point].tolist() for name, values in gradients.items()},
        "angle_deg": float(gradient_angle(measured, exact)),
        "relative_error": float(error) if np.isfinite(error) else None,
        "counted": bool(reference.counted[point]),
    }


def origin(experiment: Experiment, tool: Instrument, points: OperatingPoints) -> dict[str, Any]:
    """Return what is known before anything runs."""
    design, network, values = experiment.design, tool.network, tool.settings
    kinds = tool.loop(points, "loss").kinds
    names = [network.electrode_labels[number] for number in network.controls]
    return {
        "format_version": FORMAT_VERSION,
        "hgesim_version": __version__,
        "command": "gradient",
        "controls": names,
        "task": design.loop.task.name,
        "nonideal": design.nonideal.on,
        "technology": {kind: block.technology for kind, block in design.blocks.items() if kind in kinds},
        "ideal_parts": [
            "sources of the operating points, generators, hold and supplies",
            "threshold resistor and the resistors of the calibration",
            "means over the windows: taken from the waveforms behind the low-passes",
            "dopant network: mean-field model",
            *(
                f"{kind} ({block.technology}): {block.ideal_parts}"
                for kind, block in design.blocks.items()
                if kind in kinds
            ),
        ],
        "plan": {
            "carriers": [
                {"channel": name, "frequency": carrier}
                for name, carrier in zip([*names, "threshold"], tool.plan.carriers, strict=True)
            ],
            "base": tool.plan.base,
            "beat": tool.plan.beat,
            "step": tool.plan.step,
            "third_order_hits": tool.plan.hits,
            # of the trim the setting: "auto" goes with the transimpedance of each quantity's range
            "reference": {
                "shape": values.reference_shape,
                "amplitude": values.reference,
                "phase": values.reference_phase,
            },
        },
        "pace": dataclasses.asdict(tool.pace),
        "dither": {
            "amplitude": values.dither,
            "threshold_amplitude": values.threshold_dither,
            "thermal_voltage": network.kT,
        },
        "threshold_resistance": values.threshold_resistance,
        "points": [
            {"voltages": list(row), "target": target, "threshold": threshold}
            for row, target, threshold in zip(points.volts, points.targets, points.thresholds, strict=True)
        ],
    }
