"""The README and the other pages keep up with the code."""

import doctest
import re
from collections.abc import Iterator
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from imagesignals_pipeline import settings
from imagesignals_pipeline.cli import cli
from imagesignals_pipeline.commands import BackfillOptions
from imagesignals_pipeline.definitions import defs
from imagesignals_pipeline.defs.assets import BackfillConfig, PaceConfig
from imagesignals_pipeline.model import FailureKind

README = (settings.ROOT / "README.md").read_text("utf-8")
PAGES = sorted([*settings.ROOT.glob("*.md"), *settings.ROOT.glob("docs/**/*.md")])
EXAMPLES = sorted(
    ".".join(file.relative_to(settings.ROOT).with_suffix("").parts)
    for file in settings.ROOT.glob("imagesignals_pipeline/**/*.py")
    if ">>> " in file.read_text("utf-8")
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"^\s*\$ \.venv/bin/imagesignals (\S+)(.*)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return what a link into a page can name, as the usual viewers make it of its headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in headings}


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands that a page shows, with their options."""
    for name, rest in COMMAND.findall(page.read_text("utf-8")):
        yield name, re.findall(r"(?<=\s)--[\w-]+", rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A link inside the project names a file that is there, and a heading that it has."""
    for link in LINK.findall(page.read_text("utf-8")):
        if "://" not in link:
            path, _, heading = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), link
            assert not heading or heading in anchors(target), link


def test_the_service_outlasts_a_boot_without_network() -> None:
    """It waits for the network, and tries again however often it failed."""
    page = (settings.ROOT / "docs" / "deployment.md").read_text("utf-8")
    unit = ConfigParser(interpolation=None)
    unit.read_string(page.partition("```ini\n")[2].partition("```")[0])
    waits = {name: unit["Unit"][name] for name in ("Wants", "After")}
    assert waits == dict.fromkeys(waits, "network-online.target")
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert (unit["Service"]["Restart"], unit["Service"]["RestartSec"]) == ("on-failure", "10")


def test_the_services_variables_are_read_alike_by_systemd_and_a_shell() -> None:
    """Each is one of ours, and its value stands in single quotes."""
    page = (settings.ROOT / "docs" / "deployment.md").read_text("utf-8")
    lines = page.partition("```sh\n")[2].partition("```")[0].splitlines()
    names = [re.fullmatch("([A-Z_]+)='[^']*'", line) for line in lines]
    assert names
    assert {each and each[1] for each in names} <= set(settings.NAMES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_one(page: Path) -> None:
    """A command that a page shows exists, with the options that it is shown with."""
    for name, options in commands(page):
        known = {option for each in cli.commands[name].params for option in each.opts}
        assert set(options) <= known, (name, options)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_command_has_a_password(page: Path) -> None:
    """What stands on a command line everybody on the machine can read; `export` is the shell's."""
    shown = re.findall(r"^\s*\$ (?!export )(.*)$", page.read_text("utf-8"), re.MULTILINE)
    assert [each for each in shown if "DATABASE_URL" in each or "PASSWORD" in each] == []


def test_every_job_switch_and_setting_is_named() -> None:
    """Jobs, schedules and sensors stand in the README, what a backfill is told in its guide."""
    jobs = {job.name for job in defs.resolve_all_job_defs()} - {"__ASSET_JOB"}
    switches = {each.name for each in (*(defs.schedules or ()), *(defs.sensors or ()))}
    assert {name for name in jobs | switches if f"`{name}`" not in README} == set()
    guide = (settings.ROOT / "docs" / "operating.md").read_text("utf-8")
    assert {name for name in BackfillConfig.model_fields if f"`{name}`" not in guide} == set()


def test_every_way_to_begin_a_backfill_has_one_pace() -> None:
    """Command line, UI and pages agree: five screenshots at once, a second of rest."""
    command = {each.name: each.default for each in cli.commands["backfill"].params}
    options, config = BackfillOptions(), BackfillConfig()
    assert (command["batch_size"], command["batch_delay"]) == (5, 1.0)
    assert (options.batch_size, options.batch_delay) == (5, 1.0)
    assert (config.batch_size, config.batch_delay) == (5, 1.0)
    assert PaceConfig().batch_delay == 1.0
    assert "[--batch-size 5] [--batch-delay 1.0]" in README


def test_every_failure_kind_is_explained() -> None:
    """The table of failure kinds has a row for each, with its status, retry and advice."""
    for kind in FailureKind:
        retried = "yes" if kind.may_pass else "no"
        assert f"| `{kind}` | {kind.status} | {retried} | {kind.advice} |" in README


def test_every_command_and_option_is_named() -> None:
    """The README's table of commands has a row for each, with all its options."""
    for name, command in cli.commands.items():
        (row,) = re.findall(rf"^\| `imagesignals {name}\b.*$", README, re.MULTILINE)
        named = [option for each in command.params for option in each.opts if option[:2] == "--"]
        assert [option for option in named if option not in row] == []


def test_every_variable_is_named() -> None:
    """The configuration table has each environment variable."""
    names = [getattr(settings, name) for name in dir(settings) if name.isupper()]
    variables = [name for name in names if isinstance(name, str) and name.isupper()]
    assert len(variables) == 17
    assert [name for name in variables if f"`{name}`" not in README] == []


def test_the_commands_help_themselves() -> None:
    """`--help` of each command says what it does."""
    for name, command in cli.commands.items():
        answer = CliRunner().invoke(cli, [name, "--help"])
        assert answer.exit_code == 0
        said = " ".join(answer.output.split())
        assert command.help
        assert " ".join(command.help.split()) in said


@pytest.mark.parametrize("module", EXAMPLES)
def test_every_example_is_right(module: str) -> None:
    """What a docstring shows is what happens."""
    found = doctest.testmod(import_module(module))
    assert found.attempted > 0
    assert found.failed == 0
