"""What the scripts say of a table's columns: name, type, and the comment before each."""

import re
from dataclasses import dataclass

from imagesignals_pipeline.sql import loader

_TABLE = re.compile(r"(?:create table (?:if not exists )?|alter table )(\w+)(?: \()?")
_COLUMN = re.compile(
    r" +(?:add column if not exists )?(\w+) (uuid|text|boolean|integer|timestamptz)\b(.*)"
)
_COMMENT = re.compile(r" +-- (.*)")


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `required` when the scripts forbid null. Tables that were adopted may allow it."""

    name: str
    type: str
    required: bool
    description: str


def columns(table: str) -> tuple[Column, ...]:
    """Return a table's columns as the scripts create them, in their order; none if they do not."""
    found: dict[str, Column] = {}
    for script in (loader.submissions_script(), *(each.script for each in loader.migrations())):
        for column in _of(table, script):
            found.setdefault(column.name, column)
    return tuple(found.values())


def _of(table: str, script: str) -> list[Column]:
    found: list[Column] = []
    within, said = False, ""
    for line in script.splitlines():
        if opened := _TABLE.fullmatch(line):
            within = opened[1] == table
        elif comment := _COMMENT.fullmatch(line):
            said = f"{said} {comment[1]}".strip()
            continue
        elif within and (column := _COLUMN.fullmatch(line)):
            name, type_, rest = column.groups()
            required = "not null" in rest or "primary key" in rest
            found.append(Column(name, type_, required, said))
        within, said = within and not line.endswith(";"), ""
    return found
