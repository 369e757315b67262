"""How each Kafka client reaches the brokers: addresses, TLS and login from the settings.

kafka-python's clients and aiokafka's consumer take `client_options`; Faust takes `tls_context` and the login (streams/app.py).
Clients say little of why they cannot connect, and try again for ever: `connected` ends that in words, after a bounded time.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

from aiokafka.conn import create_conn
from aiokafka.errors import AuthenticationFailedError, SaslAuthenticationFailed, UnsupportedSaslMechanismError
from aiokafka.errors import KafkaError as AioKafkaError
from kafka.errors import KafkaError

from models.errors import ConfigError
from models.sections import KafkaSettings

CONNECT_S: Final = 5
_ASK_S: Final = 2
_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:,\[\]]+):[0-9]{1,5}")
_ALLOWED: Final = "HOST:PORT[,HOST:PORT…]"
Client = TypeVar("Client")


def addresses(kafka: KafkaSettings) -> list[str]:
    """Return the brokers' addresses. Raises `ConfigError` where one is none."""
    found = kafka.bootstrap.split(",")
    for address in found:
        if not _ADDRESS.fullmatch(address) or not 0 < int(address.rpartition(":")[2]) < 65_536:
            raise ConfigError(f"kafka.bootstrap: {address!r} is no address, allowed: {_ALLOWED}")
    return found


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """Return how TLS is spoken, None where it is not. Raises `ConfigError` where a file is missing or no such thing."""
    if not kafka.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=kafka.tls_ca)
    except (OSError, ssl.SSLError) as error:
        raise _unreadable("tls_ca", kafka.tls_ca, "certificates in PEM", error) from None
    context.check_hostname = kafka.tls_check_hostname
    if kafka.tls_cert is not None:
        secret = kafka.tls_key_password
        # "" rather than none: OpenSSL would ask for it at the terminal.
        password = "" if secret is None else secret.get_secret_value()
        try:
            context.load_cert_chain(kafka.tls_cert, kafka.tls_key, password)
        except (OSError, ssl.SSLError) as error:
            what = "a certificate and its key in PEM, and the key's password where it has one"
            key, file = ("tls_cert", kafka.tls_cert)
            if kafka.tls_key is not None:
                key, file = f"{key}, kafka.tls_key", f"{file}, {kafka.tls_key}"
            raise _unreadable(key, file, what, error) from None
    return context


def _unreadable(key: str, file: str | None, allowed: str, error: OSError) -> ConfigError:
    reason = error.strerror if not isinstance(error, ssl.SSLError) else (error.reason or "not PEM")
    return ConfigError(f"kafka.{key}: {file or 'the system'}: {reason}, allowed: {allowed}")


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the arguments by which a client of kafka-python or aiokafka connects. Raises `ConfigError`."""
    return {"bootstrap_servers": addresses(kafka), **_security(kafka)}


def _security(kafka: KafkaSettings) -> dict[str, Any]:
    """Return what both kafka-python and aiokafka take under the same names."""
    options: dict[str, Any] = {
        "security_protocol": ("SASL_" if kafka.sasl else "") + ("SSL" if kafka.tls else "PLAINTEXT"),
        "ssl_context": tls_context(kafka),
    }
    if kafka.sasl is not None and kafka.password is not None:
        options["sasl_mechanism"] = kafka.sasl
        options["sasl_plain_username"] = kafka.username
        options["sasl_plain_password"] = kafka.password.get_secret_value()
    return options


def connected(kafka: KafkaSettings, client: Callable[..., Client], **options: Any) -> Client:
    """Make a client of kafka-python that is connected; else raise, within ten seconds, `ConfigError` that says why."""
    connection = client_options(kafka)
    _raise_first(kafka, final=True)  # else the client would try a wrong password until its time is up
    try:
        return client(**connection, bootstrap_timeout_ms=1_000 * CONNECT_S, **options)
    except (KafkaError, ValueError, OSError):
        _raise_first(kafka, final=False)
        raise ConfigError(
            f"kafka.bootstrap: no Kafka broker answered at {kafka.bootstrap} within {CONNECT_S} s, allowed: {_ALLOWED}"
        ) from None


class _Refusal(NamedTuple):
    """Why a broker that listens does not take us."""

    reason: str
    final: bool = True  # whether it will be the same in a second


def _raise_first(kafka: KafkaSettings, final: bool) -> None:
    """Raise `ConfigError` with what a broker says; `final`: only where all say what will not pass."""
    said = asyncio.run(_ask_all(kafka))
    refusals = sorted((refusal for refusal in said if refusal is not None), key=lambda refusal: not refusal.final)
    if refusals and (not final or (len(refusals) == len(said) and refusals[-1].final)):
        raise ConfigError(refusals[0].reason)


async def _ask_all(kafka: KafkaSettings) -> list[_Refusal | None]:
    logger = logging.getLogger("aiokafka.conn")
    logger.addFilter(_nothing)  # it is said in one line
    try:
        return await asyncio.gather(*(_ask(kafka, address) for address in addresses(kafka)))
    finally:
        logger.removeFilter(_nothing)


async def _ask(kafka: KafkaSettings, address: str) -> _Refusal | None:
    """Return what is in the way at one address; None where we get in as far as asked, or where none listens."""
    host, _, port = address.rpartition(":")
    try:
        connection = await create_conn(
            host.strip("[]"), int(port), request_timeout_ms=1_000 * _ASK_S, **_security(kafka)
        )
    except ssl.SSLCertVerificationError as error:
        return _Refusal(f"kafka.tls_ca: the certificate of {address} is not trusted: {error.verify_message}")
    except (ssl.SSLError, ConnectionResetError):
        return _Refusal(f"kafka.tls: {address} does not speak TLS as we do, allowed: tls = false, or a port with TLS")
    except UnsupportedSaslMechanismError:
        return _Refusal(f"kafka.sasl: {address} does not know {kafka.sasl}, allowed: what its listener enables")
    except (SaslAuthenticationFailed, AuthenticationFailedError) as error:
        return _Refusal(f"kafka.username, kafka.password: {address} refuses {kafka.username!r}: {_text(error)}")
    except AioKafkaError as error:
        return _Refusal(f"{_in_doubt(kafka)}: {address} ends the connection: {_text(error)}", final=False)
    except (OSError, TimeoutError):
        return None
    await connection.close()
    return None if kafka.sasl else _Refusal(f"kafka.sasl: {address} answers, but lets us ask nothing", final=False)


def _in_doubt(kafka: KafkaSettings) -> str:
    """Name the key that most likely is wrong where a broker ends a connection without a word."""
    if not kafka.tls:
        return "kafka.tls"
    return "kafka.tls_cert" if kafka.sasl is None else "kafka.sasl"


def _text(error: BaseException) -> str:
    return " ".join(str(error.args[0] if error.args else type(error).__name__).split())


def _nothing(_record: logging.LogRecord) -> bool:
    return False
