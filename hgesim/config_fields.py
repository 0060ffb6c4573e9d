"""What settings are made of: quantities with units, names of one line, sections that refuse what they do not know."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

from hgesim.errors import RequestError
from hgesim.units import parse_quantity

__all__ = [
    "REFUSAL",
    "Ampere",
    "AmpereNoise",
    "Degree",
    "ElectronVolt",
    "Farad",
    "Hertz",
    "Kelvin",
    "Metre",
    "Name",
    "Number",
    "Ohm",
    "Phases",
    "Second",
    "Section",
    "Siemens",
    "Volt",
    "VoltNoise",
    "VoltPerSecond",
]

REFUSAL = "refusal"  # where an error of ours waits until the key it belongs to is known


def _quantity(unit: str) -> BeforeValidator:
    def read(value: object) -> float:
        try:
            return parse_quantity(value, unit)
        except RequestError as error:  # pydantic knows the key: `parse_config` puts the two together
            raise PydanticCustomError("refused", "refused", {REFUSAL: error}) from None

    return BeforeValidator(read)


def _phases(value: object) -> float | tuple[float, ...] | str:
    if value == "auto":
        return "auto"
    try:
        if isinstance(value, list | tuple):
            return tuple(parse_quantity(one, "deg") for one in value)
        return parse_quantity(value, "deg")
    except RequestError as error:
        raise PydanticCustomError("refused", "refused", {REFUSAL: error}) from None


def _one_line(value: object) -> object:
    if isinstance(value, str) and not value.isprintable():
        raise PydanticCustomError("one-line", "input should be one line of printable characters")
    return value


Name = Annotated[str, BeforeValidator(_one_line)]


Volt = Annotated[float, _quantity("V")]
Ampere = Annotated[float, _quantity("A")]
Second = Annotated[float, _quantity("s")]
Hertz = Annotated[float, _quantity("Hz")]
Kelvin = Annotated[float, _quantity("K")]
Metre = Annotated[float, _quantity("m")]
ElectronVolt = Annotated[float, _quantity("eV")]
Siemens = Annotated[float, _quantity("S")]
Farad = Annotated[float, _quantity("F")]
Ohm = Annotated[float, _quantity("Ohm")]
Degree = Annotated[float, _quantity("deg")]
Phases = Annotated[float | tuple[float, ...] | str, BeforeValidator(_phases)]  # degrees, or "auto"
AmpereNoise = Annotated[float, _quantity("A/rtHz")]
VoltNoise = Annotated[float, _quantity("V/rtHz")]
VoltPerSecond = Annotated[float, _quantity("V/s")]
Number = Annotated[float, _quantity("")]


class Section(BaseModel):
    """A section of the settings: frozen, strict, without keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
