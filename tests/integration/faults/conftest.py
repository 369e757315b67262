"""All tests of this folder have the mark `faults`: they take minutes, and `make faults` runs them."""

from pathlib import Path

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them before marks are looked at."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("faults")
