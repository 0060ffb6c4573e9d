"""Put beside a deck what is not text of hgesim's: foundry models and the compiled bond.

``python -m hgesim.engine.fill FOLDER ...`` does so for every deck below the folders given.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from hgesim.engine.bond import compile_bond
from hgesim.engine.models import gf180_models
from hgesim.errors import HgeError

__all__ = ["fill_folder"]

_MODELS = ("design.ngspice", "sm141064.ngspice")


def fill_folder(folder: Path, deck: str = "deck.cir") -> None:
    """Make a folder self-contained.

    Parameters
    ----------
    folder : Path
        With a deck that hgesim wrote. What it includes is copied to ``models/``; ``bond.va`` becomes ``bond.osdi``.
    deck : str
        Name of the deck.

    Raises
    ------
    EngineError
        ``models.missing``, ``engine.no-openvaf`` or ``engine.compile-failed``, each with the way out.
    """
    text = (folder / deck).read_text(encoding="ascii")
    if ".include models/" in text:
        source = gf180_models()
        (folder / "models").mkdir(exist_ok=True)
        for name in _MODELS:
            shutil.copyfile(source / name, folder / "models" / name)
    if "pre_osdi bond.osdi" in text:
        shutil.copyfile(compile_bond((folder / "bond.va").read_text(encoding="ascii")), folder / "bond.osdi")


def main(arguments: list[str]) -> int:
    """Fill every folder with a deck below the folders named."""
    decks = sorted(deck for name in arguments for deck in Path(name).rglob("deck.cir"))
    try:
        for deck in decks:
            fill_folder(deck.parent)
            print(f"filled {deck.parent}")
    except HgeError as error:
        print(f"hgesim: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
