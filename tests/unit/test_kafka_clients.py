"""What the settings say of connections, as arguments of the clients, and files that are missing or no such thing."""

import ssl
from pathlib import Path

import pytest
from pydantic import SecretStr

from models.errors import ConfigError
from models.sections import KafkaSettings
from streams.kafka_clients import client_options


@pytest.mark.parametrize(
    ("tls", "sasl", "protocol"),
    [
        (False, None, "PLAINTEXT"),
        (True, None, "SSL"),
        (False, "PLAIN", "SASL_PLAINTEXT"),
        (True, "SCRAM-SHA-512", "SASL_SSL"),
    ],
)
def test_the_arguments_of_a_client(tls: bool, sasl: str | None, protocol: str) -> None:
    login = {"sasl": sasl, "username": "floor", "password": SecretStr("sesame")} if sasl else {}
    options = client_options(KafkaSettings.model_validate({"bootstrap": "a:1,[::1]:2", "tls": tls, **login}))
    context = options.pop("ssl_context")
    assert (context is not None) == tls
    assert options.pop("bootstrap_servers") == ["a:1", "[::1]:2"]
    assert options.pop("security_protocol") == protocol
    said = {"sasl_mechanism": sasl, "sasl_plain_username": "floor", "sasl_plain_password": "sesame"}
    assert options == (said if sasl else {})


@pytest.mark.parametrize("checked", [True, False])
def test_certificates_are_checked_also_where_names_are_not(checked: bool) -> None:
    context = client_options(KafkaSettings(tls=True, tls_check_hostname=checked))["ssl_context"]
    assert (context.check_hostname, context.verify_mode) == (checked, ssl.CERT_REQUIRED)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"tls_ca": "absent.pem"}, "kafka.tls_ca: absent.pem: No such file or directory, allowed: certificates in PEM"),
        ({"tls_cert": "absent.pem"}, "kafka.tls_cert: absent.pem: No such file or directory, allowed: a certificate "),
        (
            {"tls_cert": "absent.pem", "tls_key": "absent.key"},
            "kafka.tls_cert, kafka.tls_key: absent.pem, absent.key: No such file or directory, allowed: ",
        ),
    ],
)
def test_a_file_that_is_missing(keys: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        client_options(KafkaSettings.model_validate({"tls": True, **keys}))
    assert str(refused.value).startswith(words)


@pytest.mark.parametrize("key", ["tls_ca", "tls_cert"])
def test_a_file_that_is_no_certificate(tmp_path: Path, key: str) -> None:
    file = tmp_path / "words.pem"
    file.write_text("no certificate\n")
    with pytest.raises(ConfigError, match=rf"^kafka\.{key}: .*words\.pem: .+, allowed: "):
        client_options(KafkaSettings.model_validate({"tls": True, key: str(file)}))
