"""Rows of a table are data: whatever stands in them is shown, and nothing is obeyed."""

import html
import re

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from imagesignals_pipeline.defs import preview

MARKDOWN = set("|<>&`*_~[]\\!#$")
ENTITY = re.compile(r"&#\d+;")


def shown(frame: pd.DataFrame) -> list[str]:
    """Return the lines of the preview."""
    value = preview.table(frame).value
    assert isinstance(value, str)
    return value.split("\n")


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=5))
def test_cells_are_shown_as_they_are(rows: list[tuple[str, str]]) -> None:
    """Each row is one line of two cells; unescaped, a cell is the text that was put in."""
    lines = shown(pd.DataFrame(rows, columns=["flat_id", "reason"]))
    assert lines[:2] == ["| flat&#95;id | reason |", "| --- | --- |"]
    assert len(lines) == 2 + len(rows)
    for line, row in zip(lines[2:], rows, strict=True):
        assert "\r" not in line
        cells = line.removeprefix("| ").removesuffix(" |").split(" | ")
        for cell, text in zip(cells, row, strict=True):
            assert MARKDOWN.isdisjoint(ENTITY.sub("", cell))
            assert html.unescape(cell) == " ".join(text.splitlines())[: preview.MOST_CHARS]


def test_nothing_is_said_in_words() -> None:
    """An empty frame is no empty table."""
    assert shown(pd.DataFrame(columns=["flat_id"])) == ["*nothing*"]
