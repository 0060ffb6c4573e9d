"""Put beside a deck what is not text of hgesim's: foundry models and the compiled bond.

``python -m hgesim.engine.fill FOLDER ...`` does so for every deck below the folders given.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from hgesim.engine.bond import compile_bond
from hgesim.engine.models import GF180_FILES, gf180_models
from hgesim.errors import HgeError

__all__ = ["fill_folder"]

_TEXTS = ("deck.cir", "deck.sim", "foundry.sp")


def fill_folder(folder: Path) -> None:
    """Make a folder self-contained.

    Parameters
    ----------
    folder : Path
        With a deck that hgesim wrote, in any dialect. What it includes is copied to ``models/``; ``bond.va`` becomes
        ``bond.osdi``.

    Raises
    ------
    EngineError
        ``models.missing``, ``engine.no-openvaf`` or ``engine.compile-failed``, each with the way out.
    """
    text = "\n".join(path.read_text(encoding="ascii") for path in map(folder.joinpath, _TEXTS) if path.is_file())
    wanted = [name for name in GF180_FILES if f"models/{name}" in text]
    if wanted:
        source = gf180_models()
        (folder / "models").mkdir(exist_ok=True)
        for name in wanted:
            shutil.copyfile(source / name, folder / "models" / name)
    if "bond.osdi" in text:
        shutil.copyfile(compile_bond((folder / "bond.va").read_text(encoding="ascii")), folder / "bond.osdi")


def main(arguments: list[str]) -> int:
    """Fill every folder with a deck below the folders named."""
    folders = {deck.parent for name in arguments for text in _TEXTS for deck in Path(name).rglob(text)}
    try:
        for folder in sorted(folders):
            fill_folder(folder)
            print(f"filled {folder}")
    except HgeError as error:
        print(f"hgesim: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
