"""Markdown of the generated pages."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

_SENTENCE_END: Final = re.compile(r"(?<=[.!?]) (?=[A-Z`])")


def generated_from(source: str) -> str:
    """Return the words that every generated file begins with."""
    return f"generated from {source} by `make generate`"


def page(source: str, title: str, *blocks: str) -> str:
    """Return a page of blocks under a title, with what it is made from on its first line."""
    return "\n\n".join((f"<!-- {generated_from(source)} -->", f"# {title}", *blocks)) + "\n"


def prose(text: str) -> str:
    """Put each sentence on a line of its own; paragraphs stay."""
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))
    return "\n\n".join(_SENTENCE_END.sub("\n", paragraph) for paragraph in paragraphs)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; bars in cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def code(value: object) -> str:
    """Return a value as code."""
    return f"`{value}`"
