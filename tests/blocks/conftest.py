from __future__ import annotations

from pathlib import Path

import pytest
from block_bench import Bench

from hgesim.engine import Engine


@pytest.fixture
def bench(tmp_path: Path, ngspice: Engine) -> Bench:
    return Bench(tmp_path, ngspice)
