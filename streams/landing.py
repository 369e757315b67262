"""The page that a person sees at `/`: what this worker is, what it owns, and how fresh its figures are."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import Final

from sinks.prometheus import FloorView, SourceView

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Floorpulse worker</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733; }}
h1 {{ font-size: 1.5rem; margin-bottom: 0; }}
h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
p.state {{ font-size: 1.1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid #d5dce3; }}
td.n, th.n {{ text-align: right; font-variant-numeric: tabular-nums; }}
small, td small {{ color: #5b6875; }}
code {{ font-size: .95em; }}
</style>
</head>
<body>
<h1>Floorpulse worker</h1>
<small>version {version}, as of {now} UTC; load again for newer figures</small>
<p class="state">{state}</p>
<h2>Pages</h2>
<table>
<tr><td><a href="/metrics"><code>/metrics</code></a></td><td>the figures, for Prometheus</td></tr>
<tr><td><a href="/healthz"><code>/healthz</code></a></td><td>200 while the worker moves</td></tr>
<tr><td><a href="/readyz"><code>/readyz</code></a></td><td>200 once its past is read and its figures are shown</td></tr>
</table>
<h2>What it owns</h2>
{owned}
</body>
</html>
"""


def landing(view: FloorView, now_ms: int, version: str) -> str:
    """Return the page, in HTML without scripts."""
    return _PAGE.format(
        version=escape(version), now=_clock(now_ms), state=_state(view, now_ms), owned=_owned(view, now_ms)
    )


def _state(view: FloorView, now_ms: int) -> str:
    if view.recovering:
        return "It reads its past, and shows no figures yet. A worker beyond the number of partitions stays like this."
    if view.fresh_ms is None:
        return "It is ready, and no source has told it anything yet."
    return f"Its figures are complete up to <strong>{_age(now_ms - view.fresh_ms)}</strong>."


def _owned(view: FloorView, now_ms: int) -> str:
    if view.recovering:
        return "<p>Not known yet.</p>"
    queues = sum(not queue.issue for queue in view.queues)
    sources: dict[str, list[SourceView]] = {}
    for source in view.sources:
        sources.setdefault(source.topic, []).append(source)
    rows = "\n".join(_row(topic, of, now_ms) for topic, of in sources.items())
    return f"""<p>{queues:,} queues and channels, and these partitions:</p>
<table>
<tr><th>topic</th><th>partitions</th><th class="n">events</th><th class="n">not read yet</th><th class="n">behind</th></tr>
{rows}
</table>"""


def _row(topic: str, sources: list[SourceView], now_ms: int) -> str:
    lags = [source.lag for source in sources if source.lag is not None]
    behind = [lag_s for source in sources if (lag_s := source.lag_s(now_ms)) is not None]
    cells = (
        f"{sum(source.events for source in sources):,}",
        f"{sum(lags):,}" if lags else "not known",
        f"{max(behind):,.0f} s" if behind else "not known",
    )
    numbers = "".join(f'<td class="n">{cell}</td>' for cell in cells)
    return f"<tr><td><code>{escape(topic)}</code></td><td>{_ranges(source.partition for source in sources)}</td>{numbers}</tr>"


def _ranges(numbers: Iterable[int]) -> str:
    """Return numbers with runs put together: `0–3, 7`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][-1] == number - 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join("–".join(map(str, run)) for run in runs)


def _age(age_ms: int) -> str:
    seconds = max(0, age_ms) // 1_000
    if seconds < 2:
        return "now"
    if seconds < 120:
        return f"{seconds} s ago"
    return f"{seconds // 60} min ago" if seconds < 7_200 else f"{seconds // 3_600} h ago"


def _clock(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"
