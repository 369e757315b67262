"""The commands that need nothing but the core: metrics and config."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.catalogue import METRICS
from models.settings import Settings, load
from streams.cli import main


def run(*arguments: str, **env: str) -> Result:
    return CliRunner(env={"FLOORPULSE_BOOTSTRAP": None, "COLUMNS": "100", **env}).invoke(main, arguments)


def test_metrics_as_a_table_and_as_json() -> None:
    table, listed = run("metrics"), run("metrics", "--json")
    assert table.exit_code == listed.exit_code == 0
    assert [metric["name"] for metric in json.loads(listed.stdout)] == [metric.name for metric in METRICS]
    assert all(metric.name in table.stdout for metric in METRICS)
    asa = next(metric for metric in json.loads(listed.stdout) if metric["name"] == "asa")
    assert (asa["unit"], asa["attribution"]) == ("seconds", "flow")


def test_the_settings_in_force_are_shown_as_a_settings_file(tmp_path: Path) -> None:
    file, again = tmp_path / "settings.toml", tmp_path / "again.toml"
    file.write_text('site = "riga"\n[service_level]\nthreshold_s = 30\n')
    shown = run("config", "show", "--settings", str(file), FLOORPULSE_BOOTSTRAP="kafka:9092")
    assert shown.exit_code == 0
    found = tomllib.loads(shown.stdout)
    assert (found["site"], found["service_level"]["threshold_s"], found["kafka"]["bootstrap"]) == (
        "riga",
        30,
        "kafka:9092",
    )
    again.write_text(shown.stdout)
    assert load(again, {}) == load(file, {"FLOORPULSE_BOOTSTRAP": "kafka:9092"})
    assert Settings.model_validate(tomllib.loads(run("config", "show").stdout)) == Settings()


def test_clauses_groups_and_calendars_are_shown_as_a_settings_file(tmp_path: Path) -> None:
    file, again = tmp_path / "settings.toml", tmp_path / "again.toml"
    file.write_text("""
        zone = "Europe/Zurich"
        [[queues]]
        valid_from = 2026-01-01T06:00:00+03:00
        weekdays = ["mon"]
        hours = "08:00-18:00"
        goal = 0.9
        [[queues]]
        queue = "sales-*"
        valid_from = 2026-01-01
        calendar = "zurich"
        callbacks_in_offered = true
        [groups]
        sales = ["sales-*", "helpdesk"]
        [calendars.zurich]
        mon = ["08:00-12:00", "13:00-17:00"]
        holidays = "CH-ZH"
        closed = [2026-12-28]
        open = { "2026-12-24" = ["08:00-12:00"], "2026-12-31" = [] }
        """)
    env = {"FLOORPULSE_SERVICE_LEVEL__GOAL": "0.7"}
    again.write_text(run("config", "show", "--settings", str(file), **env).stdout)
    assert load(again, {}) == load(file, env)
    assert len(load(again, {}).queues) == 2


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", 0, "settings.toml: right"),
        ("[service_level]\nthreshold = 30\n", 2, "service_level.threshold: unknown key, known: threshold_s, "),
        ("site = 3\n", 2, "site: Input should be a valid string (got 3)"),
        (
            "[groups]\nsales = []\n",
            2,
            "groups.sales: a group without queues, allowed: at least one name or pattern (got [])",
        ),
    ],
)
def test_a_settings_file_is_checked(tmp_path: Path, text: str, code: int, words: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    done = run("config", "check", str(file))
    assert done.exit_code == code
    assert words in done.output


def test_an_unknown_variable_is_refused() -> None:
    done = run("config", "show", FLOORPULSE_SIDE="riga")
    assert done.exit_code == 2
    assert done.stderr == (
        "floorpulse: environment: FLOORPULSE_SIDE: unknown variable, the closest known: FLOORPULSE_SITE (got 'riga')\n"
    )
