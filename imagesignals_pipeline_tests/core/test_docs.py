"""The README keeps up with the code."""

from click.testing import CliRunner

from imagesignals_pipeline import settings
from imagesignals_pipeline.cli import cli
from imagesignals_pipeline.model import FailureKind

README = (settings.ROOT / "README.md").read_text("utf-8")


def test_every_failure_kind_is_explained() -> None:
    """The table of failure kinds has a row for each, with its status, retry and advice."""
    for kind in FailureKind:
        retried = "yes" if kind.may_pass else "no"
        assert f"| `{kind}` | {kind.status} | {retried} | {kind.advice} |" in README


def test_every_command_and_option_is_named() -> None:
    """Whoever reads the README knows each command and each of its options."""
    for name, command in cli.commands.items():
        assert f"imagesignals {name}" in README
        named = [option for each in command.params for option in each.opts if option[:2] == "--"]
        assert [option for option in named if option not in README] == []


def test_every_variable_is_named() -> None:
    """The configuration table has each environment variable."""
    names = [getattr(settings, name) for name in dir(settings) if name.isupper()]
    variables = [name for name in names if isinstance(name, str) and name.isupper()]
    assert len(variables) == 14
    assert [name for name in variables if f"`{name}`" not in README] == []


def test_the_commands_help_themselves() -> None:
    """`--help` of each command says what it does."""
    for name in cli.commands:
        answer = CliRunner().invoke(cli, [name, "--help"])
        assert answer.exit_code == 0
        assert "Usage:" in answer.output
