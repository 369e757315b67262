"""The files of `replay --out`: what is in them is what `--json` says, and what stood there stays until they are whole."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from models.catalogue import METRICS
from models.errors import ConfigError, FloorpulseError
from models.settings import Settings
from streams.cli import main
from streams.export import CONTACTS, INTERVALS, TOTALS, Export, settings_version
from streams.replay import run_replay
from streams.report import Frame
from tests.recount.days import day

LINES = day(3, contacts=80, hours=3)
BAD = [b"nonsense", b'{"type":"call.ended"}', b'"\xff"']
PARQUET = ["contacts.parquet", "intervals.parquet", "invalid.jsonl", "totals.parquet"]
Rows = list[dict[str, Any]]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "day.jsonl"
    path.write_bytes(b"\n".join([*LINES, *BAD]) + b"\n")
    return path


def replayed(
    recording: Path, capsys: pytest.CaptureFixture[str], out: Path, csv: bool = False, processes: int = 1, **said: Any
) -> dict[str, Any]:
    settings = Settings.model_validate(said)
    assert run_replay([str(recording)], settings, True, Frame(60), processes=processes, out=out, csv=csv) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def read(path: Path, function: str = "read_parquet") -> Rows:
    found = duckdb.execute(f"SELECT * FROM {function}(?)", [str(path)])
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def types(path: Path) -> dict[str, str]:
    found = duckdb.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    return {row[0]: row[1] for row in found}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def as_said(rows: Rows) -> Rows:
    """Return rows as `--json` has them."""
    return [
        {name: f"{value.isoformat(timespec='milliseconds')}Z" if name == "interval_start" else value
         for name, value in row.items() if name not in ("settings_version", "kind")}
        for row in rows
    ]  # fmt: skip


def test_intervals_and_totals_are_those_of_the_report(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made" / "out"
    report = replayed(recording, capsys, out, groups={"floor": ["sales", "tech"]})
    assert names(out) == PARQUET
    assert as_said(read(out / "intervals.parquet")) == report["rows"]
    totals = read(out / "totals.parquet")
    assert as_said(totals) == [{k: v for k, v in total.items() if k != "group"} for total in report["totals"]]
    assert [total["kind"] for total in totals][-2:] == ["group", "all"]


def test_columns_have_the_types_of_their_units(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replayed(recording, capsys, tmp_path)
    for file, columns in (("intervals", INTERVALS), ("totals", TOTALS), ("contacts", CONTACTS)):
        found = types(tmp_path / f"{file}.parquet")
        assert found == {name: kind for name, kind, _, _ in columns}
    found = types(tmp_path / "intervals.parquet")
    assert found["interval_start"] == "TIMESTAMP"
    assert {found[metric.name] for metric in METRICS if metric.unit == "contacts"} == {"BIGINT"}
    assert {found[metric.name] for metric in METRICS if metric.unit != "contacts"} == {"DOUBLE"}


@pytest.mark.parametrize("processes", [1, 2])
def test_contacts_add_up_to_the_totals(
    processes: int, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    total = replayed(recording, capsys, tmp_path, processes=processes)["totals"][-1]
    sums = "count(*) FILTER (offered), count(completed), sum(talk_s), sum(handle_s) / count(completed), min(last_event)"
    found = duckdb.execute(f"SELECT {sums} FROM read_parquet(?)", [str(tmp_path / "contacts.parquet")]).fetchall()
    assert found[0][:4] == (total["offered"], total["handled"], *(pytest.approx(total[n]) for n in ("talk", "aht")))
    assert found[0][4].isoformat() >= "2024-06-10T06:00"


def test_csv_says_the_same(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replayed(recording, capsys, tmp_path, csv=True)
    for file in ("intervals", "totals", "contacts"):
        written = read(tmp_path / f"{file}.csv", "read_csv")
        assert len(written) == len(read(tmp_path / f"{file}.parquet"))
        assert list(written[0]) == list(types(tmp_path / f"{file}.parquet"))


@pytest.mark.parametrize("processes", [1, 2])
def test_lines_that_are_no_events_are_written_with_their_number_and_reason(
    processes: int, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings()
    run_replay([str(recording)], settings, True, Frame(), processes=processes, out=tmp_path)
    assert "nonsense" not in capsys.readouterr().err
    refused = [json.loads(line) for line in (tmp_path / "invalid.jsonl").read_text().splitlines()]
    assert [(one["file"], one["line"], one["code"], one["value"]) for one in refused] == [
        (str(recording), len(LINES) + 1, "json", "nonsense"),
        (str(recording), len(LINES) + 2, "field", '{"type":"call.ended"}'),
        (str(recording), len(LINES) + 3, "json", '"\N{REPLACEMENT CHARACTER}"'),
    ]
    assert all(one["reason"] for one in refused)


def test_a_folder_with_signs_of_a_pattern_and_files_of_before(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o[u]t *'s"
    out.mkdir()
    (out / "invalid.jsonl").write_text("of another day")
    (out / "notes.txt").write_text("mine")
    replayed(recording, capsys, out)
    assert names(out) == sorted([*PARQUET, "notes.txt"])
    assert (out / "invalid.jsonl").read_text() != "of another day"


def test_an_empty_recording_is_empty_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    replayed(empty, capsys, tmp_path / "out")
    assert [len(read(tmp_path / "out" / file)) for file in ("intervals.parquet", "totals.parquet", "contacts.parquet")] == [
        0, 1, 0,
    ]  # fmt: skip
    assert (tmp_path / "out" / "invalid.jsonl").read_bytes() == b""


def test_what_stood_there_stays_where_something_fails(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "contacts.parquet").write_text("of before")

    class Failing:
        def ask(self, *_: object) -> Iterator[str]:
            raise OSError(28, "No space left on device")

    with Export(out, Settings()) as export, pytest.raises(FloorpulseError, match=r"cannot be written: .*No space left"):
        export.write({"rows": [], "totals": []}, Failing(), 0)  # type: ignore[arg-type]  # shards on a full disk
    assert names(out) == ["contacts.parquet"]
    assert (out / "contacts.parquet").read_text() == "of before"


def test_a_file_is_no_folder(recording: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"--out .*day\.jsonl: is a file, allowed: a folder, which is made if it is miss"
    ):
        Export(recording, Settings())
    with pytest.raises(ConfigError, match=r"--out .*below: cannot be written to: Not a directory"):
        Export(recording / "below", Settings())


def test_without_duckdb_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ConfigError, match=r"--out needs DuckDB: pip install duckdb"):
        Export(tmp_path, Settings())


def test_the_version_of_the_settings_changes_with_what_figures_are_measured_by() -> None:
    def version(**said: Any) -> str:
        return settings_version(Settings.model_validate(said))

    assert version() == version(site="north") == version(kafka={"partitions": 3})
    hours = {"office": {"mon": ["08:00-18:00"], "holidays": "CH"}}
    others = [
        version(service_level={"threshold_s": 30}),
        version(queues=[{"queue": "tech", "goal": 0.9, "hours": "08:00-12:00"}]),
        version(queues=[{"queue": "tech", "wrap_up": "event"}]),
        version(queues=[{"calendar": "office", "wait_clock": "open_hours"}], calendars=hours),
        version(zone="Europe/Zurich"),
    ]
    assert len({version(), *others}) == 6


# ---------------------------------------------------------------- docs/replay.md

PAGE = (Path(__file__).parents[2] / "docs" / "replay.md").read_text("utf-8")


def test_the_page_has_every_column_of_the_contacts_in_order() -> None:
    table = PAGE.partition("| column | says |")[2].partition("\n\n")[0]
    named = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1] if row else "")]
    assert named == [name for name, *_ in CONTACTS]


def test_the_page_has_every_option() -> None:
    for command, heading in (("replay", "## Options of replay"), ("explain", "## Explain")):
        section = PAGE.partition(f"{heading}\n")[2].partition("\n## ")[0]
        rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `--")]
        named = {option for row in rows for option in re.findall(r"--[\w-]+", row)}
        assert named == {
            option for parameter in main.commands[command].params for option in parameter.opts if "--" in option
        }


def test_the_queries_of_the_page_can_be_asked_and_the_figures_are_the_reports(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    total = replayed(recording, capsys, tmp_path)["totals"][-1]
    queries = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert len(queries) == 3
    for query in queries:
        assert duckdb.execute(query.replace("'figures/", f"'{tmp_path}/")).fetchall()
    for figure, expression in re.findall(r"^\| (\w+) \| `(.*?)`, by", PAGE, re.MULTILINE):
        found = duckdb.execute(f"SELECT {expression} FROM '{tmp_path}/contacts.parquet'").fetchall()
        assert found[0][0] == pytest.approx(total[figure]), figure
