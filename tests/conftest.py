"""Shared fixtures: the simulator is required unless the user says otherwise."""

from __future__ import annotations

import pytest

from hgesim.engine import Engine, find_engines, openvaf, select_engine
from hgesim.errors import EngineError


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--ngspice",
        choices=("required", "if-available"),
        default="required",
        help="what to do with tests that need ngspice where there is none: fail (default) or skip",
    )


def _select(config: pytest.Config, requires: frozenset[str], name: str = "ngspice") -> Engine:
    try:
        if "osdi" in requires and openvaf() is None:
            raise EngineError("engine.no-openvaf", "openvaf-r is not installed", remedy='pip install "hgesim[osdi]"')
        return select_engine(name, requires=requires)
    except EngineError as error:
        if config.getoption("--ngspice") == "if-available":
            pytest.skip(str(error))
        pytest.fail(f"{error} (or run pytest --ngspice=if-available)", pytrace=False)


@pytest.fixture(scope="session")
def ngspice(request: pytest.FixtureRequest) -> Engine:
    """An ngspice of any supported version."""
    return _select(request.config, frozenset())


@pytest.fixture(scope="session")
def osdi_engine(request: pytest.FixtureRequest) -> Engine:
    """An ngspice that loads compiled Verilog-A, and the compiler."""
    return _select(request.config, frozenset({"osdi"}))


@pytest.fixture(scope="session")
def shared_engine(request: pytest.FixtureRequest) -> Engine:
    """A libngspice."""
    return _select(request.config, frozenset(), "shared")


@pytest.fixture(scope="session")
def every_engine(ngspice: Engine) -> list[Engine]:
    """All engines of this machine."""
    return find_engines()


@pytest.fixture(scope="session")
def vacask() -> Engine:
    """VACASK of the wheel, with compiler and linker."""
    return select_engine("vacask", requires=frozenset({"osdi"}))
