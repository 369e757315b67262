"""Who may import what (STYLE 1, import rule), read off the sources."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("models", "sinks", "streams", "examples", "bench", "docs", "tests")
CORE_LIBRARIES = {"msgspec", "xxhash", "pydantic", "holidays"}
PACKING = {"backports", "compression"}  # zstd, in the standard library from Python 3.14 on
FAUST = {"faust", "mode"}
WITH_FAUST = {"streams/app.py", "streams/agents.py", "streams/driver.py", "streams/snapshots.py"}
ABOVE_STREAMS = ("streams/", "tests/", "bench/")


def sources(*folders: str) -> list[str]:
    found = [path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(found)


def imported(path: str) -> Iterator[str]:
    """Yield the top-level packages that a file imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield str(node.module).split(".")[0]


def foreign(path: str, allowed: set[str]) -> set[str]:
    """Return what a file imports beside the standard library and what it is allowed."""
    return set(imported(path)) - sys.stdlib_module_names - allowed


@pytest.mark.parametrize("path", sources("models"))
def test_the_core_knows_only_the_standard_library_and_its_few_data_libraries(path: str) -> None:
    packs = PACKING if path == "models/archive.py" else set()
    assert foreign(path, CORE_LIBRARIES | {"models"} | packs) == set()


@pytest.mark.parametrize("path", sources("models"))
def test_the_core_knows_no_clock_no_loop_and_no_network(path: str) -> None:
    assert set(imported(path)) & {"time", "asyncio", "threading", "socket", "os", "random", "logging"} == set()


@pytest.mark.parametrize("path", sources("sinks"))
def test_sinks_know_the_core_and_their_target(path: str) -> None:
    assert foreign(path, {"models", "sinks", "prometheus_client"}) == set()


def test_only_four_files_know_faust() -> None:
    """All four do, else the rule would hold for nothing; who tests the names they use, or races, must know it too."""
    below = [path for path in sources(*OURS) if not path.startswith(("tests/", "bench/peers/"))]
    knowing = {path for path in below if set(imported(path)) & FAUST}
    assert knowing == WITH_FAUST


def test_nothing_below_streams_knows_streams() -> None:
    assert [path for path in sources(*OURS) if "streams" in imported(path) and not path.startswith(ABOVE_STREAMS)] == []


def test_nothing_that_runs_knows_the_tests() -> None:
    running = sources("models", "sinks", "streams", "examples")
    assert [path for path in running if set(imported(path)) & {"tests", "bench", "docs", "pytest", "hypothesis"}] == []
