"""One short valid run, shared by the tests that only look at what it left."""

from __future__ import annotations

import pytest
from quick_settings import AND, QUICK

from hgesim.experiment import Experiment, Run


@pytest.fixture(scope="session")
def quick_run(tmp_path_factory: pytest.TempPathFactory, osdi_engine: object) -> Run:
    return Experiment.from_file(AND, QUICK).run(tmp_path_factory.mktemp("quick") / "run")
