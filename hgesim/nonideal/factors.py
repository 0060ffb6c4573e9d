"""The catalogue of non-idealities: one typed value each, which settings, command line and reports list."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CORNERS", "FACTORS", "Factor"]

# Sections of the foundry's model file for each corner: first letter NMOS, second PMOS.
CORNERS = {"tt": "typical", "ff": "ff", "ss": "ss", "fs": "fs", "sf": "sf"}

_CHIP, _TIME = "once per chip", "in time"
_DRAWN, _EXACT = "drawn", "as given"


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
        ``"as given"``: the size itself is in the circuit.
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

FACTORS: dict[str, Factor] = {
    factor.name: factor
    for factor in (
        Factor(
            "mismatch",
            "threshold voltage and mobility of every GF180 transistor of the blocks, in units of the foundry's sigma",
            "",
            _DRAWN,
            _CHIP,
            1.0,
            f"{_FOUNDRY}, section fets_mm; law of Pelgrom, Duinmaijer, Welbers, IEEE JSSC 24 (1989) 1433",
            most=10.0,
        ),
    )
}
