"""Find libngspice, the simulator as a library."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import sysconfig
from pathlib import Path

__all__ = ["find_library"]

_NAMES = ("libngspice.so.0", "libngspice.so", "libngspice.0.dylib", "libngspice.dylib")


def find_library() -> Path | None:
    """Return libngspice: what NGSPICE_LIBRARY_PATH names, that of the ngspice in use, or the system's; maybe none."""
    own = os.environ.get("NGSPICE_LIBRARY_PATH")
    if own:
        path = Path(own).expanduser().absolute()
        return path if path.is_file() else None
    executable = shutil.which(os.path.expanduser(os.environ.get("HGESIM_NGSPICE") or "ngspice"))
    prefixes = [Path(executable).resolve().parent.parent] if executable else []
    prefixes += [Path("/usr"), Path("/usr/local"), Path("/opt/homebrew")]
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    for prefix in prefixes:
        for folder in (prefix / "lib" / multiarch, prefix / "lib", prefix / "lib64"):
            for name in _NAMES:
                if (folder / name).is_file():
                    return folder / name
    named = ctypes.util.find_library("ngspice")  # elsewhere: the loader knows by name, we do not know the place
    return Path(named) if named else None
