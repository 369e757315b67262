"""The documents name only what exists: commands, options, targets, metrics, settings, files; and generated pages are fresh."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from bench.__main__ import CASES
from docs import generate
from models.codec import decoder
from models.settings import Settings
from models.settings_source import variables
from streams.cli import main
from streams.topics import wanted

ROOT = generate.ROOT
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_METRIC = re.compile(r"\b(?:cc|floorpulse)_[a-z0-9_]*[a-z0-9]\b")
_PATH = re.compile(r"(?<![\w/.])(?:models|sinks|streams|tests|docs|bench|examples|deploy)/(?:[\w/-]+/|[\w/-]*\.\w+)?")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_SHELL = frozenset({"", "sh"})


@dataclass(frozen=True)
class Text:
    """A piece of code in a document: a span, or a fenced block in some language."""

    page: str
    language: str
    code: str


def pieces(page: Path) -> Iterator[Text]:
    """Yield the blocks and spans of a page."""
    text, name = page.read_text(encoding="utf-8"), str(page.relative_to(ROOT))
    for block in _FENCE.finditer(text):
        yield Text(name, block[1], block[2])
    for span in _SPAN.finditer(_FENCE.sub("", text)):
        yield Text(name, "", span[1])


ALL = [piece for page in PAGES for piece in pieces(page)]


def blocks(language: str) -> list[Text]:
    return [piece for piece in ALL if piece.language == language and "\n" in piece.code]


def commands(program: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the page and the arguments of each call of a program; pipes and redirections end a call."""
    call = re.compile(rf"(?:^|\s|\.venv/bin/){program}(?= [a-z-])([^|;<>\n]*)", re.MULTILINE)
    for piece in ALL:
        if piece.language in _SHELL:
            for found in call.finditer(_COMMENT.sub("", piece.code)):
                yield piece.page, shlex.split(found[1])


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts} | {"--help"}


def check_call(page: str, arguments: list[str]) -> None:
    command: click.Command = main
    for argument in arguments:
        if argument.startswith("-") and argument != "-":
            assert argument in options(command), f"{page}: floorpulse {' '.join(arguments)}: no option {argument}"
        elif isinstance(command, click.Group):
            assert argument in command.commands, f"{page}: floorpulse {' '.join(arguments)}: no command {argument}"
            command = command.commands[argument]


def every_command(group: click.Group = main) -> Iterator[click.Command]:
    for command in group.commands.values():
        yield command
        if isinstance(command, click.Group):
            yield from every_command(command)


def test_commands_and_their_options_exist() -> None:
    calls = [(page, arguments) for page, arguments in commands("floorpulse") if arguments]
    assert {"demo", "worker", "replay", "topics"} <= {arguments[0] for _, arguments in calls}
    for page, arguments in calls:
        check_call(page, arguments)


def test_a_wrong_command_or_option_is_found() -> None:
    for wrong in (["fold"], ["topics", "remove"], ["worker", "--port", "1"]):
        with pytest.raises(AssertionError, match=r"no (command|option)"):
            check_call("page", wrong)


def test_options_named_alone_exist() -> None:
    known = set().union(*map(options, every_command()))
    for piece in ALL:
        if piece.language == "" and re.match(r"--[a-z]", piece.code):
            assert piece.code.split()[0] in known, f"{piece.page}: no option {piece.code}"


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    calls = [(page, arguments[0]) for page, arguments in commands("make") if arguments]
    assert {"demo", "test", "check", "kafka"} <= {target for _, target in calls}
    for page, target in calls:
        assert target in targets, f"{page}: no make {target}"


def test_modules_that_are_run_exist() -> None:
    for piece in ALL:
        for module in re.findall(r"python -m ([\w.]+)", piece.code):
            assert find_spec(module), f"{piece.page}: no module {module}"


def exported() -> set[str]:
    """Return every name that a worker exports, the parts of histograms with them."""
    families = generate.exported_families()
    names = {generate.exported_name(family) for family in families}
    parts = {"histogram": ("bucket", "sum", "count"), "summary": ("sum", "count")}
    return names | {f"{family.name}_{part}" for family in families for part in parts.get(family.type, ())}


def test_metrics_are_exported() -> None:
    known = exported()
    named = {(str(page.relative_to(ROOT)), name) for page in PAGES for name in _METRIC.findall(page.read_text("utf-8"))}
    assert len(named) > 50
    for page, name in named:
        assert name in known, f"{page}: no metric {name}"


def test_every_metric_of_our_own_is_explained_to_the_operator() -> None:
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    ours = [generate.exported_name(f) for f in generate.exported_families() if f.name.startswith("floorpulse_")]
    assert len(ours) > 20
    for name in ours:
        assert f"| `{name}` |" in page, name


def test_topics_are_those_that_are_made() -> None:
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    topics = wanted(Settings())
    assert len(re.findall(r"^\| `[\w.-]+` \| \d+ \|", page, re.MULTILINE)) == len(topics)
    for topic in topics:
        [row] = re.findall(rf"^\| `{re.escape(topic.name)}` \| {topic.partitions} \| (.*?) \|", page, re.MULTILINE)
        assert set(re.findall(r"`(.*?)`", row)) == {f"{key}={value}" for key, value in topic.config.items()}


def test_headers_of_letters_are_those_that_are_sent() -> None:
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    table = page.partition("| header | says |")[2].partition("\n\n")[0]
    named = [name for row in table.splitlines() if row.startswith("| `") for name in _SPAN.findall(row.split("|")[1])]
    code = (ROOT / "streams" / "fold_stage.py").read_text("utf-8")
    assert named == re.findall(r'"(\w+)":', code.partition("headers = {")[2].partition("}")[0])


def test_cases_of_the_bench_exist() -> None:
    for piece in ALL:
        for case in re.findall(r"python -m bench (\w+)", piece.code):
            assert case in {"all", *CASES}, f"{piece.page}: no case {case}"


def test_settings_exist() -> None:
    sections = {name: field.annotation for name, field in Settings.model_fields.items()}
    for piece in ALL:
        if found := re.fullmatch(r"(kafka|service_level|folding|limits)\.(\w+)", piece.code):
            section = sections[found[1]]
            assert section is not None
            assert found[2] in section.model_fields, f"{piece.page}: no setting {piece.code}"


def test_settings_files_can_be_read_and_the_one_with_all_defaults_is_the_defaults() -> None:
    read = [Settings.model_validate(tomllib.loads(toml.code)) for toml in blocks("toml")]
    assert len(read) == 3
    assert read[-1] == Settings()


def test_environment_variables_are_read_somewhere() -> None:
    code = "".join(
        path.read_text("utf-8") for folder in ("models", "streams", "tests") for path in (ROOT / folder).rglob("*.py")
    )
    known = variables(Settings)
    for page in PAGES:
        for variable in re.findall(r"FLOORPULSE_[A-Z_]+", page.read_text("utf-8")):
            assert variable in known or variable in code, f"{page}: {variable}"


def test_events_are_events() -> None:
    decode = decoder("call")
    lines = [line for piece in ALL for line in piece.code.splitlines() if line.startswith('{"type":')]
    assert len(lines) >= 5
    for line in lines:
        decode(line.encode())


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in _LINK.findall(_FENCE.sub("", page.read_text("utf-8"))):
            if not target.startswith("http"):
                path, _, heading = target.partition("#")
                linked = (page.parent / path) if path else page
                assert linked.exists(), f"{page}: no {target}"
                assert not heading or heading in headings(linked), f"{page}: no {target}"


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_files_that_are_named_exist() -> None:
    for piece in ALL:
        for name in _PATH.findall(piece.code):
            assert (ROOT / name).exists(), f"{piece.page}: no {name}"


def test_every_page_of_docs_can_be_reached() -> None:
    linked = {(page.parent / target).resolve() for page in PAGES for target in _LINK.findall(page.read_text("utf-8"))}
    for page in ROOT.glob("docs/*.md"):
        assert page in linked, page


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_generated_pages_are_fresh() -> None:
    assert list(generate.stale()) == [], "run: make generate"


def test_generated_pages_begin_with_what_they_are_made_from() -> None:
    for name in generate.PAGES:
        head = "".join((ROOT / name).read_text("utf-8").splitlines(keepends=True)[:3])
        assert "generated from models/" in head, name


def test_a_stale_page_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(generate.PAGES, "docs/metrics.md", lambda: "other")
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().err == "docs/metrics.md: stale, run: make generate\n"


def test_prometheus_takes_the_examples(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("no promtool: install Prometheus")
    queries = blocks("promql")
    assert len(queries) >= 3
    rules = ["groups:", "- name: examples", "  rules:"]
    for number, query in enumerate(queries):
        rules += [
            f"  - record: example:{number}",
            "    expr: |",
            *(f"      {line}" for line in query.code.splitlines()),
        ]
    (tmp_path / "rules.yml").write_text("\n".join(rules) + "\n")
    [config] = blocks("yaml")
    (tmp_path / "prometheus.yml").write_text(f"rule_files: [rules.yml]\n{config.code}")
    done = subprocess.run(
        ["promtool", "check", "config", str(tmp_path / "prometheus.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
