"""Fixtures shared by all tests: a real Kafka, and the recorded data beside the checkout.

What is not there skips the test, and the reason says what to set or install. What is there and fails is an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import ConfigError
from streams.compiled import refuse_stale
from tests import kafka_broker as harness

SHARED_DATA = harness.ROOT.parent / "shared" / "data"


def pytest_sessionstart() -> None:
    """Test what the sources say, compiled or not."""
    try:
        refuse_stale()
    except ConfigError as error:
        pytest.exit(str(error), 2)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address of one Kafka for the whole run; name topics and groups so that tests do not meet."""
    if address := os.environ.get("FLOORPULSE_BOOTSTRAP"):
        yield address
    else:
        for broker in _broker(tmp_path_factory.mktemp("kafka")):
            yield broker.bootstrap


@pytest.fixture
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.KafkaBroker]:
    """A started broker of the test's own, which it may stop, kill and start again; about 3 s each."""
    yield from _broker(tmp_path_factory.mktemp("kafka"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded contact-center data."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no recorded data: put them in {SHARED_DATA}")
    return SHARED_DATA


def _broker(directory: Path) -> Iterator[harness.KafkaBroker]:
    if missing := harness.missing_tools():
        pytest.skip(
            f"no Kafka: install {missing}, which `make kafka` needs too; "
            "or set FLOORPULSE_BOOTSTRAP=host:port for the tests that need no broker of their own"
        )
    with harness.KafkaBroker(directory) as broker:
        yield broker
    broker.wipe()  # pytest keeps the folders of the last three runs: the log may stay, the topics are large
