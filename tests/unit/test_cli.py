"""The commands that need no Kafka: metrics, config and replay."""

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


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    env = {"SASL": "PLAIN", "USERNAME": "floor", "PASSWORD": "sesame"}
    shown = run("config", "show", **{f"FLOORPULSE_KAFKA__{name}": value for name, value in env.items()})
    assert (shown.exit_code, tomllib.loads(shown.stdout)["kafka"]["password"]) == (0, "**********")
    assert "sesame" not in shown.output
    file = tmp_path / "settings.toml"
    file.write_text(shown.stdout)
    again = run("config", "check", str(file))
    assert again.exit_code == 2
    assert "kafka.password: this is what `floorpulse config show` prints in place of a secret" in again.stderr


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


# ---------------------------------------------------------------- replay


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Three calls around the night in Zurich in which the clock goes forward; each waits 10 s."""
    # Each line is one of two events of a call, entry and answer, in seconds since 2024-03-30T23:00Z, midnight there.
    file = tmp_path / "night.jsonl"
    with file.open("w") as out:
        for n, entry_s in enumerate((-1, 0, 23 * 3_600 - 60)):
            at, c = (1_711_839_600 + entry_s) * 1_000, f"c{n}"
            for event in (
                {"type": "call.queued", "id": f"{c}q", "at": at, "contact_id": c, "queue": f"sales-{n % 2}"},
                {"type": "call.answered", "id": f"{c}a", "at": at + 10_000, "contact_id": c, "agent": "ann"},
            ):
                out.write(json.dumps(event) + "\n")
    return file


@pytest.fixture
def zurich(tmp_path: Path) -> Path:
    file = tmp_path / "zurich.toml"
    file.write_text(
        'zone = "Europe/Zurich"\n[groups]\nsales = ["sales-*"]\n[[queues]]\nqueue = "sales-1"\nthreshold_s = 9\n'
    )
    return file


def test_days_of_the_zone_of_the_settings(recorded: Path, zurich: Path) -> None:
    """31 March has 23 hours; the first call is of the day before, and 10 s are too long for sales-1."""
    done = run("replay", str(recorded), "--settings", str(zurich), "--interval", "1d", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    days = [(one["queue"], one["interval_start"], one["interval_seconds"], one["offered"]) for one in found["rows"]]
    assert days == [
        ("sales-0", "2024-03-29T23:00:00.000Z", 86_400, 1),
        ("sales-0", "2024-03-30T23:00:00.000Z", 82_800, 1),
        ("sales-1", "2024-03-30T23:00:00.000Z", 82_800, 1),
    ]
    group = next(one for one in found["totals"] if one.get("group") == "sales")
    assert (group["queue"], group["channel"], group["offered"], group["service_level"]) == ("sales", None, 3, 2 / 3)


def test_the_day_that_was_asked_for(recorded: Path, zurich: Path) -> None:
    limits = ("--from", "2024-03-31T00:00+01:00", "--to", "2024-04-01T00:00+02:00")
    done = run("replay", str(recorded), "--settings", str(zurich), "--interval", "1d", *limits, "--json")
    assert json.loads(done.stdout)["totals"][-1]["offered"] == 2
    wrong = run("replay", str(recorded), "--settings", str(zurich), "--interval", "1d", "--from", "2024-03-31")
    assert wrong.exit_code == 2
    assert wrong.stderr == (
        "floorpulse: --from 2024-03-31T00:00:00.000Z: not the start of an interval of 1440 minutes (Europe/Zurich)\n"
    )


def test_as_it_was_known_then(recorded: Path) -> None:
    done = run("replay", str(recorded), "--as-of", "2024-03-30T23:00:05Z", "--json")
    everything = json.loads(done.stdout)["totals"][-1]
    assert (everything["offered"], everything["answered"], everything["waiting"]) == (2, 0, 2)


def test_the_table_names_groups_and_all(recorded: Path, zurich: Path) -> None:
    done = run("replay", str(recorded), "--settings", str(zurich))
    heads = [line.split()[:3] for line in done.stdout.splitlines() if line.strip()]
    assert ["sales", "group", "3"] in heads
    assert ["all", "3", "3"] in heads


def test_in_several_processes_it_is_the_same(recorded: Path, zurich: Path) -> None:
    once, twice = (run("replay", str(recorded), "--settings", str(zurich), "--json", "--processes", n) for n in "12")
    assert once.exit_code == twice.exit_code == 0
    assert once.stdout == twice.stdout


def test_too_many_lines_that_are_no_events(recorded: Path) -> None:
    """One of seven is 14.29 %."""
    with recorded.open("a") as out:
        out.write("nonsense\n")
    for allowed, code in (("15", 0), ("14", 3)):
        done = run("replay", str(recorded), "--json", "--max-invalid", allowed)
        assert done.exit_code == code
        assert f"{recorded}:7: not JSON: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("gone.jsonl",), 2, "floorpulse: gone.jsonl: cannot be read: No such file or directory"),
        (("a.jsonl", "--interval", "7m"), 2, "'7m' is not one of '15m', '30m', '1h', '1d'"),
        (("a.jsonl", "--from", "noon"), 2, "'noon' is no time, allowed: "),
        (("a.jsonl", "--processes", "0"), 2, "0 is not in the range 1<=x<=64"),
        ((), 2, "Missing argument 'PATH...'"),
    ],
)
def test_a_replay_that_cannot_be(arguments: tuple[str, ...], code: int, words: str) -> None:
    done = run("replay", *arguments)
    assert done.exit_code == code
    assert words in done.stderr
