"""Run folders to report on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from report_samples import make_run, put


@pytest.fixture(scope="session")
def good_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a successful run; read it, do not change it."""
    return make_run(tmp_path_factory.mktemp("good") / "run")


@pytest.fixture
def changed_run(good_run: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that copies the good run with other results; None removes a key."""

    def change(**changes: object) -> Path:
        folder = tmp_path / "run"
        shutil.copytree(good_run, folder)
        result = json.loads((folder / "result.json").read_text())
        for key, value in changes.items():
            if value is None:
                result.pop(key, None)
            else:
                result[key] = value
        put(folder, result)
        return folder

    return change
