"""The settings: defaults, the environment over the file, and every mistake in words (STYLE 3, 4).

Each file of tests/unit/mistakes is named after its mistake and begins with the message that it is refused with.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from models.business_days import BusinessDays
from models.calendars import OpenHours
from models.errors import ConfigError
from models.folding import FoldSettings, QueueRules
from models.goals import Goals
from models.settings import Settings, load
from models.settings_source import variables

ENV = {"FLOORPULSE_BOOTSTRAP": "env:1"}
MISTAKES = sorted((Path(__file__).parent / "mistakes").glob("*.toml"))
JAN_1_MS = 1_767_222_000_000  # 2026-01-01T00:00 in Zurich, 2025-12-31T23:00Z
SUMMER_MS = 1_782_856_800_000  # 2026-07-01T00:00 in Zurich, 2026-06-30T22:00Z
FULL = """
app = "floor-2"
site = "zurich"
zone = "Europe/Zurich"
day_starts = "06:00"
[kafka]
bootstrap = "file:1,file:2"
partitions = 16
replication = 3
tls = true
tls_ca = "ca.pem"
tls_cert = "worker.pem"
tls_key = "worker.key"
tls_key_password = "key-secret"
tls_check_hostname = false
sasl = "SCRAM-SHA-512"
username = "floor"
password = "secret"
[service_level]
threshold_s = 30
short_abandon_s = 0
formula = "sl_v4"
live = "positive"
goal = 0.9
first_response_s = 90
[folding]
calls_lateness_h = 0.5
chats_lateness_h = 24
skew_s = 0
survey_days = 3
[limits]
queues = 50
[[queues]]
calendar = "zurich"
wrap_up = "event"
[[queues]]
queue = "sales-*"
threshold_s = 40
callback_tolerance_s = 600
[[queues]]
queue = "sales-gold"
channel = "voice"
valid_from = 2026-01-01
threshold_s = 50
expires_min = 30
wait_clock = "open_hours"
[[queues]]
queue = "sales-*"
channel = "voice"
valid_from = 2026-07-01T00:00:00
weekdays = ["wed"]
hours = "08:00-09:00"
goal = 0.5
[[queues]]
queue = "*-riga"
site = "riga"
[groups]
sales = ["sales-*", "helpdesk"]
floor = ["*"]
[calendars.zurich]
mon = ["13:00-17:00", "08:00-12:00"]
holidays = "CH-ZH"
closed = [2026-01-05]
open = { "2026-01-06" = ["09:00-10:00"], "2026-01-12" = [] }
"""
ZURICH = OpenHours(
    "Europe/Zurich",
    (((480, 720), (780, 1_020)), (), (), (), (), (), ()),
    "CH-ZH",
    frozenset({date(2026, 1, 5)}),
    {date(2026, 1, 6): ((540, 600),), date(2026, 1, 12): ()},
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def written(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def full(file: Path) -> Settings:
    return load(written(file, FULL), {})


@pytest.mark.parametrize(
    ("clauses", "configured"),
    [
        ([{"queue": "sales"}], [("sales", "voice")]),
        ([{"queue": "sales", "channel": "chat"}], [("sales", "chat")]),
        ([{"queue": "sales"}, {"queue": "sales", "channel": "chat"}], [("sales", "chat")]),
        (
            [{"queue": "sales", "channel": "email"}, {"queue": "sales", "channel": "chat"}, {"queue": "tech"}],
            [("sales", "email"), ("sales", "chat"), ("tech", "voice")],
        ),
        ([{"queue": "sales"}, {"queue": "sales", "hours": "08:00-18:00"}], [("sales", "voice")]),
        ([{"queue": "*"}, {"queue": "sales-*"}, {"queue": "line ?"}, {"queue": "[ab]"}, {}], []),
    ],
)
def test_queues_that_are_named_outright_are_there_from_the_start(
    clauses: list[dict[str, object]], configured: list[tuple[str, str]]
) -> None:
    settings = Settings.model_validate({"queues": [{"goal": 0.9 - n / 10, **said} for n, said in enumerate(clauses)]})
    assert settings.configured_queues() == tuple(configured)


def test_defaults() -> None:
    settings = load(None, {})
    assert settings == Settings()
    assert (settings.app, settings.site, settings.limits.queues) == ("floorpulse", "main", 1_000)
    assert (settings.kafka.bootstrap, settings.kafka.partitions, settings.kafka.replication) == ("127.0.0.1:9092", 8, 1)
    assert settings.business_days() == BusinessDays("UTC", "00:00")
    assert settings.goals().of(("any", "email"), 0) == Goals(20, 5, "sl_v2", "negative", 0.8, 60, 900, None)
    assert settings.fold("call") == FoldSettings(channel="voice", lateness_ms=21_600_000, skew_ms=600_000)
    assert settings.fold("chat") == FoldSettings(channel="chat", lateness_ms=172_800_000, skew_ms=600_000)


@pytest.mark.parametrize(
    ("text", "env", "words"),
    [
        ('[kafka]\npasword = "sesame"\n', {}, "kafka.pasword: unknown key, known: "),
        ("[kafka]\npassword = 4711\n", {}, "kafka.password: Input should be a valid string"),
        ("", {"FLOORPULSE_KAFKA__PASSWRD": "sesame"}, "the closest known: FLOORPULSE_KAFKA__PASSWORD"),
        ('[kafka]\npassword = "sesame"\n', {}, "kafka.password: is said, but not how to log in (sasl)"),
        ("", {"FLOORPULSE_KAFKA__TLS_KEY_PASSWORD": "sesame"}, "kafka.tls_key_password: is said, but not that "),
    ],
)
def test_a_secret_is_in_no_message(file: Path, text: str, env: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(written(file, text), env)
    assert words in str(refused.value)
    assert "sesame" not in str(refused.value)
    assert "4711" not in str(refused.value)


def test_a_login_from_the_environment() -> None:
    env = {"SASL": "SCRAM-SHA-256", "USERNAME": "floor", "PASSWORD": "sesame", "TLS": "true"}
    settings = load(None, {f"FLOORPULSE_KAFKA__{name}": value for name, value in env.items()})
    assert (settings.kafka.sasl, settings.kafka.username, settings.kafka.tls) == ("SCRAM-SHA-256", "floor", True)
    assert settings.kafka.password is not None
    assert settings.kafka.password.get_secret_value() == "sesame"
    assert "sesame" not in repr(settings)


def test_a_file_with_everything(file: Path) -> None:
    settings = full(file)
    assert (settings.app, settings.limits.queues) == ("floor-2", 50)
    assert (settings.kafka.bootstrap, settings.kafka.partitions, settings.kafka.replication) == ("file:1,file:2", 16, 3)
    assert settings.business_days() == BusinessDays("Europe/Zurich", "06:00")
    calls, chats = settings.fold("call"), settings.fold("chat")
    assert (calls.lateness_ms, chats.lateness_ms) == (1_800_000, 86_400_000)
    assert (calls.skew_ms, calls.survey_days, chats.survey_days) == (0, 3, 3)


@pytest.mark.parametrize(
    ("key", "at_ms", "threshold_s", "goal", "tolerance_s", "clock"),
    [
        (("support", "voice"), JAN_1_MS, 30, 0.9, 900, None),
        (("support", "email"), JAN_1_MS, 30, 0.9, 900, ZURICH),
        (("sales", "voice"), JAN_1_MS, 30, 0.9, 900, None),
        (("sales-gold", "voice"), JAN_1_MS - 1, 40, 0.9, 600, None),
        (("sales-gold", "voice"), JAN_1_MS, 50, 0.9, 600, ZURICH),
        (("sales-gold", "chat"), JAN_1_MS, 40, 0.9, 600, None),
        (("sales-tin", "voice"), SUMMER_MS, 40, 0.9, 600, None),
        (("sales-tin", "voice"), SUMMER_MS + 8 * 3_600_000, 40, 0.5, 600, None),  # 2026-07-01 is a Wednesday
        (("sales-tin", "voice"), SUMMER_MS + 9 * 3_600_000, 40, 0.9, 600, None),
        (("sales-tin", "voice"), SUMMER_MS + 32 * 3_600_000, 40, 0.9, 600, None),
        (("sales-tin", "voice"), SUMMER_MS - 160 * 3_600_000, 40, 0.9, 600, None),  # the Wednesday before
    ],
)
def test_goals_of_a_queue_at_a_time(
    file: Path,
    key: tuple[str, str],
    at_ms: int,
    threshold_s: int,
    goal: float,
    tolerance_s: int,
    clock: OpenHours | None,
) -> None:
    found = full(file).goals().of(key, at_ms)
    assert found == Goals(threshold_s, 0, "sl_v4", "positive", goal, 90, tolerance_s, clock)


@pytest.mark.parametrize(
    ("key", "at_ms", "rules"),
    [
        (("support", "voice"), 0, QueueRules(3_600, "event", threshold_s=30, short_abandon_s=0)),
        (("support", "chat"), 0, QueueRules(14_400, "event", threshold_s=30, short_abandon_s=0)),
        (
            ("support", "messaging"),
            0,
            QueueRules(259_200, "event", threshold_s=30, short_abandon_s=0, clock=ZURICH),
        ),
        (
            ("sales-gold", "voice"),
            JAN_1_MS,
            QueueRules(1_800, "event", threshold_s=50, short_abandon_s=0, clock=ZURICH),
        ),
    ],
)
def test_rules_of_a_queue_at_a_time(file: Path, key: tuple[str, str], at_ms: int, rules: QueueRules) -> None:
    assert full(file).fold("chat").rules.of(key, at_ms) == rules


def test_terms_that_nothing_limits_in_time_are_the_same_throughout(file: Path) -> None:
    goals = full(file).goals()
    assert goals.same_throughout(("support", "voice"))
    assert goals.same_throughout(("sales-gold", "chat"))
    assert not goals.same_throughout(("sales-gold", "voice"))


def test_groups_and_sites(file: Path) -> None:
    settings = full(file)
    assert settings.groups_of("sales-riga") == ("sales", "floor")
    assert settings.groups_of("helpdesk") == ("sales", "floor")
    assert settings.groups_of("Sales-riga") == ("floor",)
    assert [settings.site_of(queue) for queue in ("sales-riga", "sales")] == ["riga", "zurich"]
    assert Settings().groups_of("sales") == ()


@pytest.mark.parametrize("text", ["", "# nothing\n", 'site = "main"', "[groups]", "queues = []"])
def test_what_is_left_out_is_the_default(file: Path, text: str) -> None:
    assert load(written(file, text), {}) == Settings()


def test_the_digest_of_the_defaults_is_short_and_known() -> None:
    """A change of this text makes every worker refuse its state."""
    assert Settings().fold("call").digest_text() == FoldSettings().digest_text()
    assert Settings().fold("call").digest_text() == (
        '{"channel":"voice","lateness_ms":21600000,"minutes_ms":4500000,"quarters_ms":172800000,'
        '"skew_ms":600000,"survey_days":7}'
    )


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("[service_level]\nthreshold_s = 30", '[{"said":{"threshold_s":30}}]'),
        (
            '[[queues]]\nqueue = "a-*"\nchannel = "voice"\nexpires_min = 2',
            '[{"channel":"voice","queue":"a-*","said":{"expires_s":120}}]',
        ),
        (
            "[[queues]]\nvalid_from = 2026-01-01\nhours = '08:00-09:30'\nweekdays = ['sun', 'mon']\nthreshold_s = 9",
            '[{"from":1767225600000,"hours":["UTC","mon","sun","08:00-09:30"],"said":{"threshold_s":9}}]',
        ),
        (
            "[[queues]]\ncalendar = 'c'\n[calendars.c]\nclosed = [2026-05-01]\nsat = ['09:00-24:00']\n"
            "open = { '2026-05-02' = [] }",
            '[{"said":{"calendar":{"closed":["2026-05-01"],"open":{"2026-05-02":[]},"sat":["09:00-24:00"],"zone":"UTC"}}}]',
        ),
    ],
)
def test_what_enters_the_fold_is_in_the_digest(file: Path, text: str, rules: str) -> None:
    digest = load(written(file, text), {}).fold("call").digest_text()
    assert f'"rules":{rules},' in digest


@pytest.mark.parametrize(
    "text",
    [
        'site = "riga"\nday_starts = "06:00"\n[limits]\nqueues = 5',
        '[service_level]\nformula = "sl_v1"\ngoal = 0.5\nlive = "ignore"\nfirst_response_s = 5',
        '[[queues]]\ngoal = 0.5\n[[queues]]\nsite = "riga"',
        '[groups]\nall = ["*"]\n[calendars.unused]\nmon = ["08:00-12:00"]',
    ],
)
def test_what_does_not_enter_the_fold_is_not_in_the_digest(file: Path, text: str) -> None:
    assert load(written(file, text), {}).fold("call") == FoldSettings()
    assert load(written(file, text), {}).fold("call").digest_text() == FoldSettings().digest_text()


def test_what_is_valid_only_later_was_not_used_yet(file: Path) -> None:
    """So a clause may be added for a time to come, and the state of before goes on."""
    fold = load(written(file, "[[queues]]\nvalid_from = 2026-01-01\nthreshold_s = 9"), {}).fold("call")
    new_year_ms = 1_767_225_600_000
    assert fold.digest_text(new_year_ms - 1) == FoldSettings().digest_text()
    assert fold.digest_text(new_year_ms) == fold.digest_text() != FoldSettings().digest_text()


def test_holidays_are_in_the_digest_with_their_dates(file: Path) -> None:
    text = "[[queues]]\ncalendar = 'c'\n[calendars.c]\nmon = ['08:00-12:00']\nholidays = "
    swiss, zurich = (load(written(file, f"{text}'{code}'"), {}).fold("call").digest_text() for code in ("CH", "CH-ZH"))
    assert swiss != zurich
    assert '"holidays":["CH","' in swiss


@pytest.mark.parametrize(
    ("text", "env", "option", "bootstrap"),
    [
        ("", {}, None, "127.0.0.1:9092"),
        ('[kafka]\nbootstrap = "file:1"', {}, None, "file:1"),
        ('[kafka]\nbootstrap = "file:1"', ENV, None, "env:1"),
        ("", ENV, None, "env:1"),
        ("", {"FLOORPULSE_KAFKA__BOOTSTRAP": "env:2"}, None, "env:2"),
        ("", ENV | {"FLOORPULSE_KAFKA__BOOTSTRAP": "env:2"}, None, "env:1"),
        ('[kafka]\nbootstrap = "file:1"', ENV, "option:1", "option:1"),
        ('[kafka]\nbootstrap = "file:1"', {"FLOORPULSE_BOOTSTRAP": ""}, None, "file:1"),
    ],
)
def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    file: Path, text: str, env: dict[str, str], option: str | None, bootstrap: str
) -> None:
    settings = load(written(file, text), env, option)
    assert settings.kafka.bootstrap == bootstrap


def test_the_environment_leaves_the_rest_of_the_section_alone(file: Path) -> None:
    assert load(written(file, "[kafka]\npartitions = 3"), ENV).kafka.partitions == 3


def test_the_environment_says_any_scalar_in_its_type() -> None:
    env = {
        "FLOORPULSE_SITE": "riga",
        "FLOORPULSE_ZONE": "Europe/Riga",
        "FLOORPULSE_KAFKA__PARTITIONS": "16",
        "FLOORPULSE_SERVICE_LEVEL__GOAL": "0.75",
        "FLOORPULSE_SERVICE_LEVEL__FORMULA": "sl_v7",
        "FLOORPULSE_FOLDING__CALLS_LATENESS_H": "1.5",
        "FLOORPULSE_LIMITS__QUEUES": "9",
        "FLOORPULSE_KAFKA_LIBS": "somewhere",
        "PATH": "somewhere",
    }
    settings = load(None, env)
    assert (settings.site, settings.zone, settings.kafka.partitions, settings.limits.queues) == (
        "riga",
        "Europe/Riga",
        16,
        9,
    )
    assert (settings.service_level.goal, settings.service_level.formula) == (0.75, "sl_v7")
    assert settings.fold("call").lateness_ms == 5_400_000


def test_lists_and_tables_of_any_names_have_no_variable() -> None:
    assert {len(where) for where in variables(Settings).values()} == {1, 2}
    assert not {where[0] for where in variables(Settings).values()} & {"queues", "groups", "calendars"}


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (
            {"FLOORPULSE_KAFKA__PARTITION": "4"},
            "environment: FLOORPULSE_KAFKA__PARTITION: unknown variable, "
            "the closest known: FLOORPULSE_KAFKA__PARTITIONS (got '4')",
        ),
        (
            {"FLOORPULSE_KAFKA__PARTITIONS": "0"},
            "FLOORPULSE_KAFKA__PARTITIONS: kafka.partitions: Input should be greater than or equal to 1 (got '0')",
        ),
        (
            {"FLOORPULSE_ZONE": "Europe/Zurch"},
            "FLOORPULSE_ZONE: zone: unknown zone, allowed: names of IANA such as Europe/Zurich (got 'Europe/Zurch')",
        ),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(file: Path, env: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(written(file, "[kafka]\npartitions = 3"), env)
    assert str(refused.value) == message


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda path: path.stem)
def test_a_mistake_is_said_in_words(mistake: Path) -> None:
    message = mistake.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    with pytest.raises(ConfigError) as refused:
        load(mistake, {})
    assert str(refused.value) == f"{mistake}: {message}"


def test_a_section_that_is_none_is_said_also_with_an_address_from_the_environment(file: Path) -> None:
    with pytest.raises(ConfigError, match="kafka: Input should be a valid dictionary or instance of KafkaSettings"):
        load(written(file, "kafka = 4"), ENV)


def test_a_wider_clause_may_give_the_calendar(file: Path) -> None:
    text = """
    [[queues]]
    queue = "sales-gold-*"
    valid_from = 2026-02-01
    wait_clock = "open_hours"
    [[queues]]
    queue = "sales-*"
    valid_from = 2026-01-01
    calendar = "c"
    [calendars.c]
    mon = ["08:00-12:00"]
    """
    rules = load(written(file, text), {}).fold("call").rules
    clocks = [rules.of(("sales-gold-1", "voice"), JAN_1_MS + day * 86_400_000).clock for day in (30, 40)]
    assert clocks == [None, OpenHours("UTC", (((480, 720),), (), (), (), (), (), ()))]


def test_a_file_that_is_not_text(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"settings\.toml: not TOML: 'utf-8' codec can't decode byte 0xff"):
        load(file, {})


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(file, {})
    assert str(refused.value) == f"{file}: cannot be read: No such file or directory"


def test_a_folder_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, {})
    assert str(refused.value) == f"{tmp_path}: cannot be read: Is a directory"


def sections(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield kind
    for field in kind.model_fields.values():
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from sections(part)


def test_settings_are_frozen_and_every_key_is_described() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().site = "riga"
    found = list(sections(Settings))
    assert len(found) == 7
    for section in found:
        assert section.__doc__
        for name, field in section.model_fields.items():
            described = field.description or isinstance(field.annotation, type)  # a section says it in its docstring
            assert described, f"{section.__name__}.{name}"
