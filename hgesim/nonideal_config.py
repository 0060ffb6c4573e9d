"""Section ``[nonideal]`` of the settings: one key for each factor of `hgesim.nonideal.FACTORS`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hgesim.config_fields import (
    AmpereNoise,
    Degree,
    Hertz,
    Name,
    Number,
    Section,
    Siemens,
    Volt,
    VoltNoise,
    VoltPerSecond,
)

__all__ = ["NonidealConfig"]


class NonidealConfig(Section):
    """What is not ideal (`hgesim.nonideal.FACTORS`; ``hgesim factors`` lists places, typical sizes and sources).

    * ``seed`` of the chip, ``corner`` of the foundry's transistors (NMOS, PMOS: typical, fast, slow) and the
      ``distribution`` of what is drawn; ``"fixed"`` gives every place the size itself, with its sign.
    * ``preset``: ``"gf180"`` or ``"discrete"``, typical sizes of what such parts have; a key that is given goes first.
    * Inside of the blocks: ``mismatch`` (in units of the foundry's sigma), ``transistor_offset`` (V, of all other
      transistors), ``resistor_tolerance``, ``resistor_spread``, ``capacitor_tolerance`` and ``capacitor_spread``
      (relative; each its own, all together).
    * Integrators: ``integrator_offset`` (V), ``integrator_leak`` (S), ``dielectric_absorption`` (share).
    * Read-out, loss, coupler, mixers: ``readout_offset``, ``loss_offset``, ``coupler_offset`` and ``mixer_offset`` (V),
      ``readout_gain`` and ``mixer_gain`` (relative).
    * Speed: ``readout_bandwidth``, ``coupler_bandwidth`` and ``integrator_bandwidth`` (Hz; 0 leaves the pole out) and
      with them ``readout_slew``, ``coupler_slew`` and ``integrator_slew`` (V/s).
    * Digital parts: ``readout_step`` and ``control_step`` (V), to multiples of which the read-out's output and the
      controls are rounded.
    * Tones and supplies: ``dither_spread`` and ``reference_spread`` (of amplitudes, relative), ``reference_phase``
      (deg), ``reference_frequency`` and ``reference_feedthrough`` (relative), ``supply`` (relative).
    * Noise in time, drawn anew for each number of ``run`` on the same chip: ``network_noise`` (A/rtHz) and
      ``amplifier_noise`` (V/rtHz), white and rising as 1/f below ``network_corner`` and ``amplifier_corner`` (Hz);
      ``level_drift`` (V/rtHz at 1 Hz, 1/f).
    * Network: ``broken_bonds`` (chance of each), ``lost`` (labels of electrodes without contact). The exact solution
      has them too. ``level_ageing`` (V/s): levels of the sites move from the start of a run on.
    """

    seed: int = Field(default=0, ge=0)
    run: int = Field(default=0, ge=0)
    preset: Name | None = None
    corner: Literal["tt", "ff", "ss", "fs", "sf"] = "tt"
    lost: tuple[Name, ...] = Field(default=(), strict=False)
    distribution: Literal["normal", "uniform", "fixed"] = "normal"
    mismatch: Number = 0.0
    transistor_offset: Volt = 0.0
    resistor_tolerance: Number = 0.0
    resistor_spread: Number = 0.0
    capacitor_tolerance: Number = 0.0
    capacitor_spread: Number = 0.0
    integrator_leak: Siemens = 0.0
    dielectric_absorption: Number = 0.0
    readout_offset: Volt = 0.0
    loss_offset: Volt = 0.0
    coupler_offset: Volt = 0.0
    mixer_offset: Volt = 0.0
    integrator_offset: Volt = 0.0
    readout_gain: Number = 0.0
    mixer_gain: Number = 0.0
    readout_bandwidth: Hertz = 0.0
    readout_slew: VoltPerSecond = 0.0
    coupler_bandwidth: Hertz = 0.0
    coupler_slew: VoltPerSecond = 0.0
    integrator_bandwidth: Hertz = 0.0
    integrator_slew: VoltPerSecond = 0.0
    readout_step: Volt = 0.0
    control_step: Volt = 0.0
    dither_spread: Number = 0.0
    reference_spread: Number = 0.0
    reference_phase: Degree = 0.0
    reference_frequency: Number = 0.0
    reference_feedthrough: Number = 0.0
    supply: Number = 0.0
    network_noise: AmpereNoise = 0.0
    network_corner: Hertz = 0.0
    amplifier_noise: VoltNoise = 0.0
    amplifier_corner: Hertz = 0.0
    level_drift: VoltNoise = 0.0
    level_ageing: VoltPerSecond = 0.0
    broken_bonds: Number = 0.0

    @property
    def sizes(self) -> dict[str, float]:
        """Return the size of each factor that is given."""
        return self.model_dump(exclude={"seed", "run", "preset", "corner", "distribution", "lost"}, exclude_unset=True)
