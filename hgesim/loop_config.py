"""Sections ``[loop]`` and ``[converters]`` of the settings: the learning loop, and what Python does of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from hgesim.config_fields import Ampere, Hertz, Number, Ohm, Phases, Second, Section, Volt

__all__ = ["ConvertersConfig", "LoopConfig", "idle_loop_keys"]

_ANALOG_KEYS = ("rate", "slowness", "decay", "threshold_dither", "reference", "reference_shape", "reference_phase")
_DIGITAL_KEYS = ("lock_in", "optimizer", "learning_rate", "momentum", "betas", "stop_loss", "clip")


class LoopConfig(Section):
    """The learning loop.

    * ``rule`` of learning, and ``loss``: ``mse`` (the error squared) or ``hinge`` (only that on the wrong side).
    * ``update``: ``analog``, or ``digital``: lock-in, loss and the update of the controls once an epoch are Python
      (`hgesim.loop.DigitalLoop`; engine ``shared`` unless another is given). Then ``loss`` may be ``correlation``, and
      there are ``lock_in`` (``in-phase`` or ``magnitude``), ``optimizer`` (``gradient-descent``, ``momentum`` or
      ``adam``) with ``learning_rate`` (V an epoch for adam, 30 mV where not given; for the others V^2 over the unit of
      the loss, 0.05 and 0.02, of the correlation 1e-3 and 1e-4), ``momentum`` and ``betas``; ``stop_loss`` (a loss at
      which the run ends; 0.1 of the correlation, never of the others) and ``clip`` (A, an output beyond which controls
      are drawn anew; by default where read-out or converter end). ``control_range`` clips controls and threshold.
    * Start: ``start`` (V, one for each control), else drawn by ``seed`` within plus and minus ``start_range`` (V);
      ``threshold_start`` (V). Both as in the result's ``continue_with`` go on from where a run ended.
    * `hgesim.loop.LoopSettings`: ``rate`` (relative; 0 disconnects the integrators), ``slowness`` (integrator time
      constant over the window; by default four times the number of cases), ``decay`` (s, in which the controls would
      forget; never where not given), ``dither`` and ``threshold_dither`` (V), ``transimpedance`` and
      ``threshold_resistance`` (Ohm); of the mixers' references the amplitude ``reference`` (V), ``reference_shape``
      (``sine`` or ``square``) and ``reference_phase``, by which they lag their dithers (deg: one, or one for each
      channel with the threshold's last, or ``"auto"`` for the blocks' nominal phase).
    * `hgesim.loop.plan_tones`: ``base`` (Hz), or ``carriers`` (Hz, one for each control and one for the threshold).
    * `hgesim.loop.Timeline`: ``epochs``; each case is ``ramp`` and ``settle`` (s) and a window of ``beats`` beats.
    * ``control_range`` (V): a control or error that ends beyond it counts as railed.
    * ``restarts``: how many times a start that is over range, stuck for ``patience`` epochs, aborted or at its end
      not learnt is given up and another drawn; not with ``start``.
    * ``chosen_from``: how many starts were looked at to choose this one; told in the result, not used.
    """

    rule: Literal["homodyne"] = "homodyne"
    loss: Literal["mse", "hinge", "correlation"] = "mse"
    update: Literal["analog", "digital"] = "analog"
    lock_in: Literal["in-phase", "magnitude"] = "in-phase"
    optimizer: Literal["gradient-descent", "momentum", "adam"] = "adam"
    learning_rate: Number | None = None
    momentum: Number = 0.9
    betas: tuple[Number, ...] = Field(default=(0.9, 0.999), strict=False)
    stop_loss: Number | None = None
    clip: Ampere | None = None
    seed: int = Field(default=0, ge=0)
    start_range: Volt = Field(default=0.6, ge=0)
    start: tuple[Volt, ...] | None = Field(default=None, strict=False)
    threshold_start: Volt = 0.0
    rate: Number = 1.0
    dither: Volt = 10e-3
    threshold_dither: Volt = 30e-3
    reference: Volt = 0.3
    reference_shape: Literal["sine", "square"] = "sine"
    reference_phase: Phases = 0.0
    base: Hertz = 1e3
    carriers: tuple[Hertz, ...] | None = Field(default=None, strict=False)
    beats: int = Field(default=1, ge=1)
    ramp: Second = 100e-6
    settle: Second = 50e-6
    epochs: int = Field(default=30, ge=1)
    slowness: Number | None = None
    decay: Second | None = Field(default=None, gt=0)
    transimpedance: Ohm = 2e6
    threshold_resistance: Ohm = 2.5e6
    control_range: Volt = Field(default=1.2, gt=0)
    restarts: int = Field(default=0, ge=0)
    patience: int = Field(default=15, ge=2)
    chosen_from: int | None = Field(default=None, ge=1)


class ConvertersConfig(Section):
    """Converters at every crossing between the circuit and Python (`hgesim.loop.Converters`); ideal where not given.

    ``adc_bits`` and ``dac_bits`` (resolution), ``adc_range`` and ``dac_range`` (V, plus and minus; 1.65 V where only
    bits are given), ``rate`` (Hz, of the one clock of both; every step of the simulator where not given; for a digital
    update best a whole number of samples in a beat, or the lock-in's windows end early and carriers leak), ``jitter``
    (s, standard deviation of the moment of a sample) and its ``seed``.
    """

    adc_bits: int | None = None
    adc_range: Volt | None = None
    dac_bits: int | None = None
    dac_range: Volt | None = None
    rate: Hertz | None = None
    jitter: Second = 0.0
    seed: int = Field(default=0, ge=0)


def idle_loop_keys(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys of ``[loop]`` that others put out of action, each with what would be needed for it to count."""
    digital = values.get("update", "analog") == "digital"
    idle: dict[str, str] = (
        dict.fromkeys(_ANALOG_KEYS, 'update = "analog"')
        if digital
        else dict.fromkeys(_DIGITAL_KEYS, 'update = "digital"')
    )
    optimizer = values.get("optimizer", "adam")
    if digital and optimizer != "momentum":
        idle["momentum"] = 'optimizer = "momentum"'
    if digital and optimizer != "adam":
        idle["betas"] = 'optimizer = "adam"'
    if values.get("carriers") is not None:
        idle["base"] = "no carriers"
    if values.get("start") is not None and not digital:  # a digital update draws controls over range anew
        idle |= dict.fromkeys(("seed", "start_range"), "no start")
    if not values.get("restarts", 0) or digital:
        idle["patience"] = 'update = "analog"' if digital else "restarts"
    return idle
