"""Where settings are read from, a TOML file and the environment, and how what is wrong with them is said.

It knows no key: the root of the tree is handed in.
"""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError

from models.errors import ConfigError

Where = tuple[int | str, ...]
PREFIX: Final = "FLOORPULSE_"
_BOOTSTRAP: Final = f"{PREFIX}BOOTSTRAP"
_OF_OTHERS: Final = frozenset({f"{PREFIX}KAFKA_LIBS"})  # not ours to read: where the development broker's jars lie


class ContradictionError(ValueError):
    """A contradiction between keys: which key, what is wrong and allowed, and its value."""

    def __init__(self, key: str, what: str, got: object) -> None:
        super().__init__(what)
        self.key, self.what, self.got = key, what, got


def read(path: Path) -> dict[str, Any]:
    """Return the tree of a file. Raises `ConfigError`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None


def variables(root: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """Return the variables of the environment and the key of each; lists and tables of any names have none."""
    found: dict[str, tuple[str, ...]] = {}
    for name, field in root.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= {f"{PREFIX}{name}__{key}".upper(): (name, key) for key in field.annotation.model_fields}
        elif get_origin(field.annotation) not in (tuple, dict):
            found[f"{PREFIX}{name}".upper()] = (name,)
    return {**found, _BOOTSTRAP: ("kafka", "bootstrap")}


def overlay(tree: dict[str, Any], env: Mapping[str, str], root: type[BaseModel]) -> dict[Where, str]:
    """Put the environment over a tree; return which keys which variable said. Raises `ConfigError` for unknown ones.

    Empty variables are passed over. Of two for one key FLOORPULSE_BOOTSTRAP wins.
    """
    known = variables(root)
    for name in sorted(set(env) - set(known) - _OF_OTHERS):
        if name.startswith(PREFIX):
            [closest] = difflib.get_close_matches(name, known, n=1, cutoff=0)
            got = _got(env[name], _is_secret(root, known[closest]))
            raise ConfigError(f"environment: {name}: unknown variable, the closest known: {closest} {got}")
    said: dict[Where, str] = {}
    for name, where in known.items():
        if env.get(name):
            put(tree, where, env[name])
            said[where] = name
    return said


def put(tree: dict[str, Any], where: tuple[str, ...], value: str) -> None:
    """Set a key of a tree, unless its section is no table, which is then refused as such."""
    section = tree
    for part in where[:-1]:
        section = section.setdefault(part, {})
        if not isinstance(section, dict):
            return
    section[where[-1]] = value


def in_words(error: ValidationError, source: str, said: Mapping[Where, str], root: type[BaseModel]) -> ConfigError:
    """Return the first thing that is wrong as `source: key: what (got value)`; the source is a variable where one said it."""
    fault = error.errors()[0]
    where, cause = fault["loc"], fault.get("ctx", {}).get("error")
    if isinstance(cause, ContradictionError):
        return ConfigError(f"{source}: {cause.key}: {cause.what} (got {cause.got!r})")
    what = fault["msg"] if cause is None else str(cause)
    if fault["type"] == "extra_forbidden":
        what = f"unknown key, known: {', '.join(_section(root, where).model_fields)}"
    return ConfigError(
        f"{said.get(where, source)}: {_key(where)}: {what} {_got(fault['input'], _is_secret(root, where))}"
    )


def _got(value: object, secret: bool) -> str:
    """Say what was found, but no secret, nor what may be one under a misspelt key."""
    return "(got a value that is not shown)" if secret else f"(got {value!r})"


def _is_secret(root: type[BaseModel], where: Where) -> bool:
    """Tell whether a key of a section, or the known one that an unknown one is closest to, is a secret."""
    field = root.model_fields.get(str(where[0]))
    section = field and field.annotation
    if len(where) != 2 or not (isinstance(section, type) and issubclass(section, BaseModel)):
        return False
    closest = difflib.get_close_matches(str(where[1]), section.model_fields, n=1)
    return any("SecretStr" in str(section.model_fields[name].annotation) for name in closest)


def _key(where: Where) -> str:
    """Write a key as in `queues[0].hours`; lists count from 0. pydantic adds `[key]` where the name of a key is wrong."""
    parts = (part for part in where if part != "[key]")
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def _section(root: type[BaseModel], where: Where) -> type[BaseModel]:
    """Return the section that a key is in."""
    section: Any = root
    for part in where[:-1]:
        if isinstance(section, type) and issubclass(section, BaseModel):
            section = section.model_fields[str(part)].annotation
        else:
            section = next(kind for kind in get_args(section) if isinstance(kind, type) and issubclass(kind, BaseModel))
    found: type[BaseModel] = section
    return found
