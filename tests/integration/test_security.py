"""TLS and SASL on a real Kafka: topics, feeder and worker get in by each way there is, and who does not is told why.

A client that bootstraps at a secured listener is sent to that listener's address for all it does: that the figures are right
shows that every client, Faust's consumer and producer among them, knew how to get in.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.events import Queued
from models.settings import load
from streams.feed import Feeder
from tests.integration import harness
from tests.integration.certificates import Authority
from tests.integration.harness import Worker
from tests.kafka_broker import KafkaBroker, Secured, missing_tools

pytestmark = pytest.mark.kafka
USER, PASSWORD = "floor", "sesame-42"
KEY_PASSWORD = "key-43"
REFUSED_S = 20.0
CALLS = 200


class Place:
    """A secured broker and the files that a client may have."""

    def __init__(self, folder: Path) -> None:
        self.web_port = harness.free_port()  # of one worker after the other: each is the one before, come back
        authority = Authority(folder)
        certificate, key = authority.issue("broker", "IP:127.0.0.1")
        keystore = folder / "keystore.pem"
        keystore.write_text(key.read_text() + certificate.read_text())
        self.trusted = authority.certificate
        self.stranger = Authority(folder, "stranger").certificate
        self.certificate, self.key = authority.issue("worker", "DNS:worker", KEY_PASSWORD)
        self.broker = KafkaBroker(folder / "kafka", secured=Secured(keystore, self.trusted, USER, PASSWORD))

    def settings(self, listener: str, **keys: str) -> dict[str, str]:
        """Return an environment with these keys of `[kafka]`."""
        keys = {"bootstrap": f"127.0.0.1:{self.port(listener)}", **keys}
        return {f"FLOORPULSE_KAFKA__{key.upper()}": value for key, value in keys.items()}

    def port(self, listener: str) -> int:
        return self.broker.port if listener == "PLAINTEXT" else self.broker.secured_ports[listener]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if missing := missing_tools():
        pytest.skip(f"no Kafka: install {missing}, which `make kafka` needs too")
    place = Place(tmp_path_factory.mktemp("secured"))
    with place.broker:
        yield place
    place.broker.wipe()


LOGIN = {"username": USER, "password": PASSWORD}


def ways(place: Place) -> dict[str, dict[str, str]]:
    """Return each way in: by a password alone, by one over TLS, and by a certificate."""
    tls = {"tls": "true", "tls_ca": str(place.trusted)}
    certificate = {"tls_cert": str(place.certificate), "tls_key": str(place.key), "tls_key_password": KEY_PASSWORD}
    return {
        "PLAIN": place.settings("SASL_PLAINTEXT", sasl="PLAIN", **LOGIN),
        "SCRAM-SHA-256": place.settings("SASL_PLAINTEXT", sasl="SCRAM-SHA-256", **LOGIN),
        "SCRAM-SHA-512 over TLS": place.settings("SASL_SSL", sasl="SCRAM-SHA-512", **LOGIN, **tls),
        "a certificate": place.settings("SSL", **tls, **certificate),
    }


@pytest.mark.parametrize("way", ["SCRAM-SHA-256", "SCRAM-SHA-512 over TLS", "a certificate"])
def test_every_client_gets_in(place: Place, tmp_path: Path, way: str) -> None:
    env = ways(place)[way]
    made = harness.run("topics", "ensure", env=env)
    assert made.returncode == 0, made.stderr
    before = sum(harness.log_ends(place.broker.bootstrap, harness.CALLS).values())
    feeder = Feeder(load(None, env).kafka)
    for n in range(CALLS):
        feeder.send("call", Queued(id=f"{way}-{n}", at=1_000 + n, contact_id=f"{way}-{n}", queue="sales"))
    feeder.flush()
    feeder.close()
    with Worker(env["FLOORPULSE_KAFKA__BOOTSTRAP"], tmp_path / "worker.log", place.web_port, env=env) as worker:
        [page] = harness.settle(place.broker.bootstrap, worker)
    assert page.sum("cc_contacts_offered_total") == before + CALLS


def test_plain_gets_in(place: Place) -> None:
    done = harness.run("topics", "ensure", env=ways(place)["PLAIN"])
    assert (done.returncode, done.stderr) == (0, "")


def refused(env: dict[str, str]) -> str:
    """Start a worker that must be refused within bounds; return its only line on standard error, without passwords."""
    done = harness.run("worker", env=env, timeout_s=REFUSED_S)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert PASSWORD not in done.stderr
    [line] = done.stderr.splitlines()
    return line.removeprefix("floorpulse: ")


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password(place: Place, mechanism: str) -> None:
    line = refused(place.settings("SASL_PLAINTEXT", sasl=mechanism, username=USER, password="wrong"))
    assert line.startswith(
        f"kafka.username, kafka.password: 127.0.0.1:{place.port('SASL_PLAINTEXT')} refuses 'floor': "
    )
    assert "wrong" not in line


def test_tls_to_a_listener_without(place: Place) -> None:
    line = refused(place.settings("PLAINTEXT", tls="true", tls_ca=str(place.trusted)))
    assert line.startswith(f"kafka.tls: 127.0.0.1:{place.port('PLAINTEXT')} does not speak TLS")


def test_no_tls_to_a_listener_with(place: Place) -> None:
    line = refused(place.settings("SASL_SSL", sasl="SCRAM-SHA-512", **LOGIN))
    assert line.startswith(f"kafka.tls: 127.0.0.1:{place.port('SASL_SSL')} ends the connection: ")


def test_no_login_where_one_is_asked_for(place: Place) -> None:
    line = refused(place.settings("SASL_PLAINTEXT"))
    assert line.startswith(f"kafka.sasl: 127.0.0.1:{place.port('SASL_PLAINTEXT')} ")


def test_a_broker_of_an_authority_that_is_not_trusted(place: Place) -> None:
    line = refused(place.settings("SSL", tls="true", tls_ca=str(place.stranger)))
    assert line.startswith(f"kafka.tls_ca: the certificate of 127.0.0.1:{place.port('SSL')} is not trusted: ")


def test_no_certificate_where_one_is_asked_for(place: Place) -> None:
    line = refused(place.settings("SSL", tls="true", tls_ca=str(place.trusted)))
    assert line.startswith(f"kafka.tls_cert: 127.0.0.1:{place.port('SSL')} ")


def test_a_host_that_the_certificate_does_not_name(place: Place) -> None:
    tls = {"bootstrap": f"localhost:{place.port('SASL_SSL')}", "tls": "true", "tls_ca": str(place.trusted)}
    env = place.settings("SASL_SSL", sasl="SCRAM-SHA-512", **LOGIN, **tls)
    assert "localhost" in refused(env)
    unchecked = harness.run("topics", "ensure", env={**env, "FLOORPULSE_KAFKA__TLS_CHECK_HOSTNAME": "false"})
    assert (unchecked.returncode, unchecked.stderr) == (0, "")
