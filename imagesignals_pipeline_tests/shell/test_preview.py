"""Rows of a table are data: whatever stands in them is shown, and nothing is obeyed."""

import html
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesignals_pipeline.defs import preview

MARKDOWN = set("|<>&`*_~[]\\!#$")
ENTITY = re.compile(r"&#\d+;")
COMMENT = re.compile(r"<!--.*?-->")
ADDRESS = re.compile(
    r"(https?://|www(?=\.))([-.\w]+)|(?<![-.\w+])([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)", re.IGNORECASE
)
"""What the UI makes a link of. Source: mdast-util-gfm-autolink-literal 1 and 2."""
PIECES = [
    "https://",
    "HTTP:",
    "//",
    "www.",
    "WWW",
    ".",
    "@",
    "a@b.c",
    "x.com",
    " ",
    "_",
    "é",
    "<!--",
]


def shown(frame: pd.DataFrame) -> list[str]:
    """Return the lines of the preview."""
    value = preview.table(frame).value
    assert isinstance(value, str)
    return value.split("\n")


def read(cell: str) -> str:
    """Return what a cell shows."""
    return html.unescape(COMMENT.sub("", cell))


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
            assert MARKDOWN.isdisjoint(ENTITY.sub("", COMMENT.sub("", cell)))
            assert read(cell) == " ".join(text.splitlines())[: preview.MOST_CHARS]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_no_cell_becomes_a_link(text: str) -> None:
    """The UI looks for addresses in what stands between comments, its references read."""
    cell = shown(pd.DataFrame({"reason": [text]}))[-1].removeprefix("| ").removesuffix(" |")
    assert read(cell) == text
    assert [part for part in COMMENT.split(cell) if ADDRESS.search(html.unescape(part))] == []


@pytest.mark.parametrize(
    "text", ["F-101", "2025-03-04 10:00", "12:30:00+05:30", "100.5 %", "(a/b)"]
)
def test_ordinary_cells_are_written_as_they_are(text: str) -> None:
    """Nobody needs to read references where no address is."""
    assert shown(pd.DataFrame({"reason": [text]}))[-1] == f"| {text} |"


def test_nothing_is_said_in_words() -> None:
    """An empty frame is no empty table."""
    assert shown(pd.DataFrame(columns=["flat_id"])) == ["*nothing*"]
