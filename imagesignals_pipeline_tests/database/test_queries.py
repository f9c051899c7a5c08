"""The file of statements itself."""

import re
from pathlib import Path

import pytest

import imagesignals_pipeline
from imagesignals_pipeline import verify
from imagesignals_pipeline.sql.loader import migrations, query, statements

PACKAGE = Path(imagesignals_pipeline.__file__).parent
SOURCES = "\n".join(file.read_text("utf-8") for file in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("name", statements())
def test_every_statement_has_a_purpose_and_a_user(name: str) -> None:
    """A statement begins with a line on its purpose, and nothing is kept that nobody runs."""
    assert re.match(r"-- [A-Z].+", statements()[name])
    asked = rf'(query\(|connection,|for name in \(.*)\s*"{name}"'  # or handed on with a connection
    checks = {f"check_{check.name}" for check in verify.CHECKS}
    assert name in checks or re.search(asked, SOURCES)


def test_an_unknown_name_is_a_mistake() -> None:
    """A misspelt statement is noticed at once."""
    with pytest.raises(KeyError):
        query("no_such_statement")


def test_migrations_have_numbers_of_their_own() -> None:
    """The order of the scripts is that of their names."""
    found = migrations()
    numbers = [each.number for each in found]
    assert numbers == sorted({*numbers})
    assert all(re.fullmatch(rf"{each.number:04}_[a-z_]+", each.name) for each in found)
