"""Learning loops: the task, the tone plan, the time line and how the blocks are wired."""

from __future__ import annotations

from hgesim.loop.computed import ComputedBlocks, python_instances
from hgesim.loop.converters import Clock, Converter, Converters
from hgesim.loop.datasets import CURVES, Draw, curve_task, read_task, ring_task, sphere_task
from hgesim.loop.digital import DigitalLoop, DigitalSettings
from hgesim.loop.filters import Boxcar, LowPass
from hgesim.loop.homodyne import HomodyneLoop, LoopSettings
from hgesim.loop.intermodulation import Product, derivative_errors, products_on_carriers
from hgesim.loop.lockin import (
    best_amplitude,
    best_correction,
    correction_phase,
    crosstalk,
    distortion,
    magnitude_penalty,
    noise_variance,
    phase_error,
)
from hgesim.loop.open_loop import OpenLoop, OperatingPoints
from hgesim.loop.optimizer import OPTIMIZERS, Optimizer, OptimizerState
from hgesim.loop.phase import nominal_lags, reference_lags, trim_gains
from hgesim.loop.task import GATES, Points, Scales, Task, gate_task
from hgesim.loop.timeline import Timeline
from hgesim.loop.tones import TonePlan, check_tones, plan_tones
from hgesim.loop.wiring import Channel

__all__ = [
    "CURVES",
    "GATES",
    "OPTIMIZERS",
    "Boxcar",
    "Channel",
    "Clock",
    "ComputedBlocks",
    "Converter",
    "Converters",
    "DigitalLoop",
    "DigitalSettings",
    "Draw",
    "HomodyneLoop",
    "LoopSettings",
    "LowPass",
    "OpenLoop",
    "OperatingPoints",
    "Optimizer",
    "OptimizerState",
    "Points",
    "Product",
    "Scales",
    "Task",
    "Timeline",
    "TonePlan",
    "best_amplitude",
    "best_correction",
    "check_tones",
    "correction_phase",
    "crosstalk",
    "curve_task",
    "derivative_errors",
    "distortion",
    "gate_task",
    "magnitude_penalty",
    "noise_variance",
    "nominal_lags",
    "phase_error",
    "plan_tones",
    "products_on_carriers",
    "python_instances",
    "read_task",
    "reference_lags",
    "ring_task",
    "sphere_task",
    "trim_gains",
]
