"""Decks, raw files and fake engines to judge."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from engine_samples import CONTROL, ramp, raw_bytes

from hgesim.engine import Engine


@pytest.fixture
def write_deck(tmp_path: Path) -> Callable[..., Path]:
    """Write a deck of the standard shape into a fresh folder."""

    def write(circuit: str, *, extra: str = "", folder: str = "run") -> Path:
        place = tmp_path / folder
        place.mkdir()
        (place / "deck.cir").write_text(circuit + CONTROL.format(extra=extra), encoding="utf-8")
        return place

    return write


@pytest.fixture
def fake(tmp_path: Path) -> Callable[..., tuple[Path, Engine]]:
    """Make a shell script that poses as ngspice, and a folder with a deck and a ready-made ``ready.raw``."""

    def make(script: str, ready: bytes | None = None) -> tuple[Path, Engine]:
        path = tmp_path / "fake-ngspice"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        folder = tmp_path / "fake-run"
        folder.mkdir()
        (folder / "deck.cir").write_text("* t\n.end\n")
        (folder / "ready.raw").write_bytes(raw_bytes(ramp()) if ready is None else ready)
        return folder, Engine("ngspice", path, "46", frozenset())

    return make
