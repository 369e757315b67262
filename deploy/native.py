"""Compile the fold to machine code with mypyc, beside its sources: a third more events a second.

    python -m deploy.native            compile; needs a C compiler and Python's headers, takes half a minute
    python -m deploy.native --remove   run the sources again

What is compiled is the same Python, so nothing else changes. What was compiled does not follow its source: where a source is
newer, tests and commands refuse to run (streams/compiled.py).
"""

import argparse
import os
import tempfile
from typing import Final

from mypyc.build import mypycify
from setuptools import Distribution

from streams.compiled import ROOT, libraries

# The way of an event through the fold. Not those whose msgspec structs are decoded by their types: compiled, they have none.
COMPILED: Final = (
    "amounts",
    "callbacks",
    "chats",
    "contact",
    "contribution",
    "facts",
    "histogram",
    "legs",
    "measures",
    "merge",
    "more",
    "panes",
    "partition",
    "places",
    "retention",
    "span",
    "surveys",
    "visits",
)


def main() -> None:
    """Compile, or remove what was compiled."""
    options = argparse.ArgumentParser(prog="python -m deploy.native", description=__doc__)
    options.add_argument("--remove", action="store_true", help="remove what was compiled")
    chosen = options.parse_args()
    for library in libraries():
        library.unlink()
    if chosen.remove:
        return
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory(prefix="floorpulse-") as folder:
        modules = mypycify([f"models/{name}.py" for name in COMPILED], opt_level="3", target_dir=folder)
        build = Distribution({"name": "floorpulse-native", "ext_modules": modules}).get_command_obj("build_ext")
        build.build_temp, build.build_lib, build.inplace = folder, folder, True
        build.ensure_finalized()
        build.run()
    print(f"compiled {len(COMPILED)} modules of models/; python -m deploy.native --remove runs the sources again")


if __name__ == "__main__":
    main()
