"""`python -m bench` measures what needs no Kafka, quickly, and prints a table; name cases for others, `all` for all."""

import argparse
import json
import multiprocessing
import statistics

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.core import CASES as CORE
from bench.idle import idle
from bench.latency import latency
from bench.peers.run import peers
from bench.recovery import recovery
from bench.scrape import scrape
from bench.worker import worker

CASES = {
    **CORE,
    "scrape": scrape,
    "worker": worker,
    "peers": peers,
    "latency": latency,
    "recovery": recovery,
    "idle": idle,
}
QUICK = (*CORE, "scrape")
REPEATS = {"worker": 3, "peers": 3, "latency": 3, "recovery": 3, "idle": 3}


def main() -> None:
    """Run cases, each repeat in a process of its own, and print the median of each figure."""
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("cases", nargs="*", metavar="CASE", help=f"which to run: all, {', '.join(CASES)}")
    options.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options.add_argument("--repeats", type=int, help="runs of each case; 5 unless told, 3 of those with Kafka")
    chosen = options.parse_args()
    if unknown := set(chosen.cases) - {"all", *CASES}:
        options.error(f"unknown case {min(unknown)!r}, known: all, {', '.join(CASES)}")
    console = Console(stderr=True)
    found: dict[str, dict[str, list[float]]] = {}
    for case in CASES if "all" in chosen.cases else chosen.cases or QUICK:
        for number in range(repeats := chosen.repeats or REPEATS.get(case, 5)):
            with console.status(f"{case}, run {number + 1} of {repeats}"):
                for figure, value in _alone(case).items():
                    found.setdefault(case, {}).setdefault(figure, []).append(value)
    if chosen.json:
        print(json.dumps(found, indent=2))
    else:
        Console().print(_table(found))


def _alone(case: str) -> dict[str, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(CASES[case])


def _table(found: dict[str, dict[str, list[float]]]) -> Table:
    table = Table("case", "figure", box=SIMPLE, caption="median, least and most of the runs on this machine")
    for title in ("median", "least", "most"):
        table.add_column(title, justify="right")
    for case, figures in found.items():
        for figure, values in figures.items():
            table.add_row(case, figure, *map(_shown, (statistics.median(values), min(values), max(values))))
    return table


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


if __name__ == "__main__":
    main()
