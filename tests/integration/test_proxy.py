"""The proxy itself: what it does to bytes, and that a Kafka client stays behind it."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from tests.integration.proxy import Proxy
from tests.kafka_broker import HOST, KafkaBroker

ANSWER_S = 5.0


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    """A proxy before a server that sends back what it gets; the broker itself is not started."""
    broker = KafkaBroker(tmp_path)
    with socket.create_server((HOST, broker.proxied_port)) as server, Proxy(broker) as proxy:
        echo = threading.Thread(target=_echo, args=(server,), daemon=True)
        echo.start()
        yield proxy
        server.shutdown(socket.SHUT_RDWR)
        echo.join()


def _echo(server: socket.socket) -> None:
    try:
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(ConnectionError):
                while chunk := connection.recv(1 << 16):
                    connection.sendall(chunk)
    except OSError:  # shut down by the fixture
        return


def connect(proxy: Proxy) -> socket.socket:
    host, port = proxy.bootstrap.split(":")
    return socket.create_connection((host, int(port)), timeout=ANSWER_S)


def receive(connection: socket.socket, size: int) -> bytes:
    with connection.makefile("rb") as answer:
        return answer.read(size)


def test_bytes_go_through_in_order(proxy: Proxy) -> None:
    sent = bytes(range(256)) * 4_000  # more than a chunk, less than what is held
    proxy.delay_s = 0.01
    with connect(proxy) as connection:
        connection.sendall(sent)
        assert receive(connection, len(sent)) == sent


def test_a_delay_holds_each_way(proxy: Proxy) -> None:
    proxy.delay_s = 0.2
    with connect(proxy) as connection:
        began = time.monotonic()
        connection.sendall(b"1")
        assert receive(connection, 1) == b"1"
        assert time.monotonic() - began >= 0.4


def test_a_pause_loses_nothing(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        connection.sendall(b"1")
        assert receive(connection, 1) == b"1"
        proxy.pause()
        connection.sendall(b"2")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(ANSWER_S)
        proxy.resume()
        assert receive(connection, 1) == b"2"


def test_a_cut_ends_connections_and_refuses_new_ones_until_it_is_mended(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        connection.sendall(b"1")
        assert receive(connection, 1) == b"1"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.mend()
    with connect(proxy) as connection:
        connection.sendall(b"2")
        assert receive(connection, 1) == b"2"


@pytest.mark.kafka
def test_a_client_stays_behind_the_proxy(kafka_broker: KafkaBroker) -> None:
    with (
        Proxy(kafka_broker) as proxy,
        KafkaAdminClient(bootstrap_servers=proxy.bootstrap, request_timeout_ms=1_000) as client,
    ):
        assert client.list_topics() == []
        proxy.pause()
        with pytest.raises(KafkaError):
            client.list_topics()
        proxy.resume()
        assert client.list_topics() == []
