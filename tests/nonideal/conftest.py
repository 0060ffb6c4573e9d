"""Where a single block runs, and by what."""

from __future__ import annotations

from pathlib import Path

import pytest

from hgesim.engine import Engine


@pytest.fixture
def where(tmp_path: Path, ngspice: Engine) -> tuple[Path, Engine]:
    return tmp_path, ngspice
