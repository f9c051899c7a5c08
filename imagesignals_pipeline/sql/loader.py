"""Reads the SQL files of this package; nothing is read before it is asked for."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from sqlalchemy import TextClause, text

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_HEADING = re.compile(r"^-- == .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered, forward-only script."""

    number: int
    name: str
    script: str


def query(name: str) -> TextClause:
    """Return a statement of `queries.sql`, its `:words` ready to be bound.

    Raises:
        KeyError: There is no statement of that name.
    """
    return text(statements()[name])


@cache
def statements() -> dict[str, str]:
    """Return the text of every statement by its name, its line of purpose included."""
    source = _HEADING.sub("", _read("queries.sql"))
    parts = _NAME.split(source)[1:]
    names, bodies = parts[::2], parts[1::2]
    assert len(names) == len(set(names)), "two statements of queries.sql have one name"
    return {name: body.strip().removesuffix(";") for name, body in zip(names, bodies, strict=True)}


@cache
def migrations() -> tuple[Migration, ...]:
    """Return all migrations in their order."""
    scripts = map(_migration, _folder().joinpath("migrations").iterdir())
    return tuple(sorted(scripts, key=lambda each: each.number))


def submissions_script() -> str:
    """Return the script of the live application's table, for demonstrations and tests."""
    return _read("submissions.sql")


def roles_script() -> str:
    """Return the script of the three roles and their rights."""
    return _read("roles.sql")


def _migration(file: Traversable) -> Migration:
    name = file.name.removesuffix(".sql")
    return Migration(int(name.split("_")[0]), name, file.read_text("utf-8"))


def _read(name: str) -> str:
    return _folder().joinpath(name).read_text("utf-8")


def _folder() -> Traversable:
    return files("imagesignals_pipeline.sql")
