"""What was compiled of the fold (deploy/native.py), and whether it is still what its sources say."""

from pathlib import Path
from typing import Final

from models.errors import ConfigError

ROOT: Final = Path(__file__).parents[1]


def libraries() -> list[Path]:
    """Return the files that were compiled: one for each module, and the one that holds them all."""
    return [*(ROOT / "models").glob("*.so"), *ROOT.glob("*__mypyc*.so")]


def refuse_stale() -> None:
    """Raise `ConfigError` where a source is newer than what was compiled of it."""
    for library in (ROOT / "models").glob("*.so"):
        source = library.with_name(library.name.partition(".")[0] + ".py")
        if not source.exists() or source.stat().st_mtime > library.stat().st_mtime:
            raise ConfigError(
                f"models/{source.name} is newer than what was compiled of it; run: make native, or make interpreted"
            )
