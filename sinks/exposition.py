"""The text formats of Prometheus, plain and OpenMetrics, written at several times the speed of the client library's writer.

The library checks and escapes the labels of every sample of every scrape; ours are the same from scrape to scrape, and 100
queues are ten thousand samples. The two formats differ in the comments of a family only, so lines are made once for both.
tests/unit/test_exposition.py holds our writer against the library's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from prometheus_client.core import Metric as Family

PLAIN: Final = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass
class Lines:
    """A family whose samples are written already; its name is as the library has it, a counter's without `_total`."""

    name: str
    documentation: str
    type: str
    text: list[str] = field(default_factory=list)
    """Whole lines, any number in each."""


AnyFamily = Family | Lines


class Source(Protocol):
    """What families come from; the library's collectors are such."""

    def collect(self) -> Iterable[AnyFamily]:
        """Return all families."""
        ...


def page(families: Iterable[AnyFamily], form: str = PLAIN) -> bytes:
    """Return one page, in the form of a content type; families without samples have their two lines of comment."""
    parts: list[str] = []
    is_open = form == OPEN_METRICS
    for family in families:
        text = (escaped if is_open else escaped_text)(family.documentation)
        name = family.name if is_open or family.type != "counter" else f"{family.name}_total"
        parts.append(f"# HELP {name} {text}\n# TYPE {name} {family.type}\n")
        if isinstance(family, Lines):
            parts += family.text
        else:
            parts += [f"{s.name}{labels_text(s.labels)} {number_text(s.value)}\n" for s in family.samples]
    if is_open:
        parts.append("# EOF\n")
    return "".join(parts).encode()


def labels_text(labels: Mapping[str, str]) -> str:
    """Return labels as they stand behind a name: `{queue="sales"}`, or nothing."""
    pairs = ",".join([f'{name}="{escaped(value)}"' for name, value in labels.items()])
    return f"{{{pairs}}}" if pairs else ""


def number_text(value: float) -> str:
    """Return a value as it stands at the end of a line."""
    return str(value) if type(value) is int else repr(float(value))


def escaped(value: str) -> str:
    """Return the value of a label as it stands between its quotes."""
    return escaped_text(value).replace('"', r"\"")


def escaped_text(value: str) -> str:
    """Return the help of a family as the plain format has it: quotes stay."""
    return value.replace("\\", r"\\").replace("\n", r"\n")


def wanted(accept: str) -> str:
    """Return the content type to answer an `Accept` header with: OpenMetrics where it is liked at least as well as plain."""
    shares = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for part in accept.lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        said = dict(word.split("=", 1) for word in parameters if "=" in word)
        if name in shares and said.get("version", "1.0.0") in ("1.0.0", "0.0.1", "0.0.4"):
            shares[name] = max(shares[name], _share(said.get("q", "1")))
    liked = shares["application/openmetrics-text"]
    return OPEN_METRICS if liked > 0 and liked >= shares["text/plain"] else PLAIN


def takes_gzip(accept_encoding: str) -> bool:
    """Tell whether an `Accept-Encoding` header allows gzip."""
    for part in accept_encoding.lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        if name == "gzip":
            return all(_share(word[2:]) > 0 for word in parameters if word.startswith("q="))
    return False


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
