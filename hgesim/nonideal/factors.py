"""The catalogue of non-idealities: one typed value each, which settings, command line and reports list."""

from __future__ import annotations

from dataclasses import dataclass

from hgesim.errors import RequestError, nearest

__all__ = ["CORNERS", "FACTORS", "PRESETS", "Factor", "preset_sizes"]

# Sections of the foundry's model file for each corner: first letter NMOS, second PMOS.
CORNERS = {"tt": "typical", "ff": "ff", "ss": "ss", "fs": "fs", "sf": "sf"}

_CHIP, _TIME = "once per chip", "in time"
_DRAWN, _EXACT, _DENSITY, _CHANCE = "drawn", "as given", "density", "chance"


@dataclass(frozen=True)
class Factor:
    """One non-ideality; its size is 0 where it is off.

    Parameters
    ----------
    name : str
        Key in the section ``[nonideal]``.
    place : str
        Where it acts.
    unit : str
        SI unit of its size, empty for a ratio.
    distribution : str
        ``"drawn"``: the size is the standard deviation of a draw for each place, as `Nonideal.distribution` says;
        ``"as given"``: the size itself is in the circuit; ``"density"``: the size is the root of a one-sided spectral
        density, of normal noise; ``"chance"``: it is the probability of each place to be affected.
    draw : str
        When: ``"once per chip"`` or ``"in time"``.
    typical : float
        A size that real parts have.
    source : str
        Where `typical` is from.
    least, most : float
        Sizes beyond make no sense.
    """

    name: str
    place: str
    unit: str
    distribution: str
    draw: str
    typical: float
    source: str
    least: float = 0.0
    most: float = 1e30

    @property
    def drawn(self) -> bool:
        """Tell whether the size is a standard deviation."""
        return self.distribution == _DRAWN


_FOUNDRY = "GF180MCU model file sm141064.ngspice"
_TL072 = "TL072 data sheet"
_AD633 = "AD633 data sheet"
_OWN = "own choice"
_OFFSET = f"{_TL072}, input offset 3 mV typical, 10 mV at most"
_TRIM = f"{_OWN}: a tenth of the range of the trim that the {_AD633} shows"
_COUPLER = "coupler of circuits/gf180 with mismatch, simulated; also 26 times 2 mV of an ALD1106 pair"
_SCALE = f"{_AD633}, scale factor error typically 0.25 percent of full scale"
_ONE_PERCENT = "parts of 1 percent, taken as three standard deviations"
_FIVE_PERCENT = "parts of 5 percent, taken as three standard deviations"


def _drawn(name: str, place: str, unit: str, typical: float, source: str, most: float = 1e30) -> Factor:
    return Factor(name, place, unit, _DRAWN, _CHIP, typical, source, 0.0, most)


def _exact(name: str, place: str, unit: str, typical: float, source: str, limits: tuple[float, float]) -> Factor:
    return Factor(name, place, unit, _EXACT, _CHIP, typical, source, *limits)


def _noise(name: str, place: str, unit: str, typical: float, source: str) -> Factor:
    return Factor(name, place, unit, _DENSITY, _TIME, typical, source)


def _corner(name: str, noise: str, typical: float, source: str) -> Factor:
    return Factor(name, f"frequency below which {noise} rises as 1/f", "Hz", _EXACT, _TIME, typical, source, 0.0, 1e12)


def _pole(kind: str, place: str, typical: float, source: str) -> tuple[Factor, Factor]:
    slew = f"largest slope behind {place}, beside the pole of {kind}_bandwidth"
    return (
        _exact(f"{kind}_bandwidth", f"frequency of a pole behind {place}", "Hz", typical, source, (0.0, 1e12)),
        _exact(f"{kind}_slew", slew, "V/s", 8.6e6, "op-amp of circuits/gf180, 8.6 V/us", (0.0, 1e12)),
    )


FACTORS: dict[str, Factor] = {
    factor.name: factor
    for factor in (
        _drawn(
            "mismatch",
            "threshold voltage and mobility of every GF180 transistor of the blocks, in units of the foundry's sigma",
            "",
            1.0,
            f"{_FOUNDRY}, section fets_mm; law of Pelgrom, Duinmaijer, Welbers, IEEE JSSC 24 (1989) 1433",
            10.0,
        ),
        _drawn(
            "transistor_offset",
            "gate or base of every transistor of the blocks that is not the foundry's, each its own",
            "V",
            1.4e-3,
            "ALD1107 data sheet, offset of a pair 2 mV typical, taken as one standard deviation; 2N3904: own choice",
            1.0,
        ),
        _drawn(
            "resistor_tolerance", "every resistor inside of the blocks, each its own", "", 0.0033, _ONE_PERCENT, 0.5
        ),
        _drawn(
            "resistor_spread",
            "all resistors inside of the blocks together",
            "",
            0.05,
            f"{_FOUNDRY}, section res_statistical, sheet resistance of ppolyf_u_1k",
            0.5,
        ),
        _drawn(
            "capacitor_tolerance", "every capacitor inside of the blocks, each its own", "", 0.0167, _FIVE_PERCENT, 0.5
        ),
        _drawn(
            "capacitor_spread",
            "all capacitors inside of the blocks together",
            "",
            0.033,
            f"{_FOUNDRY}, sections mimcap_ss and mimcap_ff: 10 percent, taken as three standard deviations",
            0.5,
        ),
        _exact(
            "integrator_leak",
            "conductance across each capacitor of the integrators: a decay of the controls",
            "S",
            1e-11,
            "WIMA MKP 4 data sheet, insulation of 100 GOhm at least up to 0.33 uF",
            (0.0, 1e-3),
        ),
        _exact(
            "dielectric_absorption",
            "share of the capacitance of the integrators that charges in 1, 10 and 100 ms, a third each",
            "",
            1e-3,
            "WIMA table of dielectrics, polypropylene 0.05 to 0.1 percent; model of Dow, IRE Trans. EC-7 (1958) 17",
            (0.0, 0.5),
        ),
        _drawn("readout_offset", "voltage at which the read-out holds the output electrode", "V", 3e-3, _OFFSET),
        _drawn("loss_offset", "input of the loss: it adds to the error", "V", 5e-3, _TRIM),
        _drawn("coupler_offset", "between the outputs of the coupler, for all mixers", "V", 0.05, _COUPLER),
        _drawn("mixer_offset", "signal input of every mixer", "V", 5e-3, _TRIM),
        _drawn("integrator_offset", "input of every integrator: a constant false gradient", "V", 3e-3, _OFFSET),
        _drawn("readout_gain", "transimpedance of the read-out, relative", "", 0.0033, _ONE_PERCENT, 0.5),
        _drawn(
            "mixer_gain",
            "gain of every mixer, relative",
            "",
            0.0025,
            _SCALE,
            0.5,
        ),
        *_pole("readout", "the read-out", 2e5, "read-out of circuits/gf180, 214 kHz"),
        *_pole("coupler", "each output of the coupler", 1.5e5, f"{_TL072}, 4 MHz over the gain of 26"),
        *_pole("integrator", "every integrator, for control and dither", 4e6, f"{_TL072}, 4 MHz at a gain of 1"),
        _exact(
            "readout_step",
            "step to which the output of the read-out is rounded, at any time",
            "V",
            1e-3,
            "12 bits over 4 V",
            (0.0, 1.0),
        ),
        _exact(
            "control_step",
            "step to which every control and the threshold are rounded; their dither is added behind it",
            "V",
            1e-3,
            "12 bits over 4 V",
            (0.0, 1.0),
        ),
        _drawn("dither_spread", "amplitude of every dither, relative", "", 0.0033, _ONE_PERCENT, 0.5),
        _drawn("reference_spread", "amplitude of every mixer's reference, relative", "", 0.0033, _ONE_PERCENT, 0.5),
        _drawn(
            "reference_phase",
            "phase of every mixer's reference against its dither",
            "deg",
            0.6,
            "reference path of the mixer of circuits/discrete at 10 kHz",
            180.0,
        ),
        _drawn(
            "reference_frequency",
            "frequency of every mixer's reference against its dither, relative: the phase slips",
            "",
            5e-5,
            "crystal oscillators of 50 ppm, where reference and dither do not share one",
            0.1,
        ),
        _drawn(
            "reference_feedthrough",
            "share of its reference that each mixer finds at its signal input",
            "",
            3e-3,
            _OWN,
            1.0,
        ),
        _exact(
            "supply",
            "deviation of all supply voltages and clocks, relative",
            "",
            -0.05,
            "regulators of 5 percent",
            (-0.5, 0.5),
        ),
        _noise(
            "network_noise",
            "white noise of the current into the read-out's summing node",
            "A/rtHz",
            3.2e-12,
            "Boon et al., Nature Communications 2025, doi 10.1038/s41467-025-65155-7, 1e-5 nA^2/Hz",
        ),
        _corner("network_corner", "network_noise", 1e3, "the same, whose noise is given at 1 kHz"),
        _noise(
            "amplifier_noise",
            "white noise at the inputs of read-out, loss, coupler, mixers and integrators, each its own",
            "V/rtHz",
            18e-9,
            "TL072 data sheet, 18 nV at 1 kHz; the GF180 op-amp has that above 0.1 MHz",
        ),
        _corner("amplifier_corner", "amplifier_noise", 1e5, "op-amp of circuits/gf180, simulated"),
        _noise(
            "level_drift",
            "1/f noise of the level of every site of the network, each its own: the density at 1 Hz",
            "V/rtHz",
            1e-6,
            "own choice; such noise in cold silicon: Connors et al., Physical Review B 100 (2019) 165305",
        ),
        _drawn(
            "level_ageing",
            "level of every site of the network, each its own: it moves at this rate from the start of the run",
            "V/s",
            1e-3,
            _OWN,
        ),
        Factor(
            "broken_bonds",
            "every bond of the network",
            "",
            _CHANCE,
            _CHIP,
            0.05,
            "own choice: a few bonds of a device",
            0.0,
            1.0,
        ),
    )
}

# What a technology has by itself, without a fault and without noise; each with its typical size. Offsets of "discrete"
# are those of op-amps and multipliers as they are bought, at the ports of the blocks, so that every technology can have
# them. The transistors of circuits/discrete are drawn by transistor_offset, in the place of these offsets, not beside.
PRESETS: dict[str, tuple[str, ...]] = {
    "gf180": ("mismatch", "resistor_spread", "capacitor_spread"),
    "discrete": (
        "resistor_tolerance",
        "capacitor_tolerance",
        "integrator_leak",
        "dielectric_absorption",
        "readout_offset",
        "loss_offset",
        "coupler_offset",
        "mixer_offset",
        "integrator_offset",
        "mixer_gain",
        "dither_spread",
        "reference_spread",
        "reference_phase",
        "reference_feedthrough",
    ),
}


def preset_sizes(name: str) -> dict[str, float]:
    """Return the typical sizes of a preset's factors.

    Parameters
    ----------
    name : str
        A key of `PRESETS`.

    Raises
    ------
    RequestError
        ``nonideal.unknown-preset`` with the nearest name.
    """
    if name not in PRESETS:
        raise RequestError(
            "nonideal.unknown-preset", f'"{name}"', place="nonideal.preset", remedy=nearest(str(name), PRESETS)
        )
    return {factor: FACTORS[factor].typical for factor in PRESETS[name]}
