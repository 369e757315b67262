"""The settings: defaults, the environment over the file, and every mistake in words (STYLE 3, 4)."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from models.catalogue import Goals
from models.errors import ConfigError
from models.folding import FoldSettings
from models.settings import Settings, load

ENV = {"FLOORPULSE_BOOTSTRAP": "env:1"}
FULL = """
app = "floor-2"
site = "riga"
[kafka]
bootstrap = "file:1,file:2"
partitions = 16
replication = 3
[service_level]
threshold_s = 30.5
short_abandon_s = 0
formula = "sl_v4"
[folding]
lateness_h = 0.5
skew_s = 0
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def written(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def test_defaults() -> None:
    """As DESIGN 5, 8 and 2 have them; T and S of GLOSSARY 3."""
    settings = load(None, {})
    assert settings == Settings()
    assert (settings.app, settings.site) == ("floorpulse", "main")
    assert (settings.kafka.bootstrap, settings.kafka.partitions, settings.kafka.replication) == ("127.0.0.1:9092", 8, 1)
    assert settings.goals() == Goals(threshold_s=20, short_abandon_s=5, headline="sl_v2")
    assert settings.fold() == FoldSettings(lateness_ms=21_600_000, skew_ms=600_000)


def test_a_file_with_everything(file: Path) -> None:
    settings = load(written(file, FULL), {})
    assert (settings.app, settings.site) == ("floor-2", "riga")
    assert (settings.kafka.bootstrap, settings.kafka.partitions, settings.kafka.replication) == ("file:1,file:2", 16, 3)
    assert settings.goals() == Goals(threshold_s=30.5, short_abandon_s=0, headline="sl_v4")
    assert settings.fold() == FoldSettings(lateness_ms=1_800_000, skew_ms=0)


@pytest.mark.parametrize("text", ["", "# nothing\n", 'site = "main"'])
def test_what_is_left_out_is_the_default(file: Path, text: str) -> None:
    assert load(written(file, text), {}) == Settings()


@pytest.mark.parametrize(
    ("text", "env", "option", "bootstrap"),
    [
        ("", {}, None, "127.0.0.1:9092"),
        ('[kafka]\nbootstrap = "file:1"', {}, None, "file:1"),
        ('[kafka]\nbootstrap = "file:1"', ENV, None, "env:1"),
        ("", ENV, None, "env:1"),
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


NOT_A_TABLE = "Input should be a valid dictionary or instance of"
MISTAKES = {
    "unknown key": ("sight = 1", "sight: unknown key, known: app, site, kafka, service_level, folding (got 1)"),
    "unknown section": (
        '[sinks]\ntype = "log"',
        "sinks: unknown key, known: app, site, kafka, service_level, folding (got {'type': 'log'})",
    ),
    "unknown key in a section": (
        "[kafka]\npartition = 4",
        "kafka.partition: unknown key, known: bootstrap, partitions, replication (got 4)",
    ),
    "wrong type": (
        '[kafka]\npartitions = "many"',
        "kafka.partitions: Input should be a valid integer, unable to parse string as an integer (got 'many')",
    ),
    "out of range": ("[kafka]\npartitions = 0", "kafka.partitions: Input should be greater than or equal to 1 (got 0)"),
    "unknown formula": (
        '[service_level]\nformula = "sl_v99"',
        "service_level.formula: Input should be 'sl_v1', 'sl_v2', 'sl_v3', 'sl_v4', 'sl_v5', 'sl_v6', 'sl_v7', 'sl_v8', "
        "'sl_v9_ignore', 'sl_v9_negative' or 'sl_v9_positive' (got 'sl_v99')",
    ),
    "negative limit": (
        "[service_level]\nthreshold_s = -1",
        "service_level.threshold_s: Input should be greater than or equal to 0 (got -1)",
    ),
    "no lateness": ("[folding]\nlateness_h = 0", "folding.lateness_h: Input should be greater than 0 (got 0)"),
    "name of an app": ('app = "my app"', "app: String should match pattern '^[a-zA-Z0-9._-]{1,64}$' (got 'my app')"),
    "no section": ("kafka = 4", f"kafka: {NOT_A_TABLE} KafkaSettings (got 4)"),
    "not TOML": ("app =", "not TOML: Invalid value (at end of document)"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_said_in_words(file: Path, name: str) -> None:
    text, message = MISTAKES[name]
    with pytest.raises(ConfigError) as refused:
        load(written(file, text), {})
    assert str(refused.value) == f"{file}: {message}"


def test_a_section_that_is_none_is_said_also_with_an_address_from_the_environment(file: Path) -> None:
    with pytest.raises(ConfigError, match=f"{NOT_A_TABLE} KafkaSettings"):
        load(written(file, "kafka = 4"), ENV)


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


def test_settings_are_frozen_and_every_field_is_described() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().site = "riga"
    sections = [
        Settings,
        *(type(section) for section in (Settings().kafka, Settings().service_level, Settings().folding)),
    ]
    described = {name: field.description for section in sections for name, field in section.model_fields.items()}
    plain = {name for name, text in described.items() if not text}
    assert plain <= {"kafka", "service_level", "folding"}  # the sections say it in their own docstrings
