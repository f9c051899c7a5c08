"""Tables and numbers as Dagster metadata."""

import re
from dataclasses import asdict

import dagster as dg
import pandas as pd

ROWS = 20
"""Rows of a preview: what fits a screen of the UI."""
MOST_CHARS = 160
"""Characters of a cell: the longest advice fits."""
MARKUP = frozenset("|<>&`*_~[]\\!#$")
"""Characters with a meaning in the UI's Markdown, which knows HTML and formulas too."""

LINK = re.compile(r"(?=@)|(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
"""Where an address is cut so that it does not become a link: the UI looks for addresses once it has
read the references to characters, but not across an empty comment, which it leaves out.

Source: mdast-util-gfm-autolink-literal, https://, www. and a@b.c.
"""
CUT = "<!---->"


def table(frame: pd.DataFrame, *, below: str = "") -> dg.MetadataValue:
    """Return the frame as a Markdown table; cells are data, so Markdown in them is escaped.

    Args:
        frame: Rows to show.
        below: Markdown of our own that follows the rows, if there are any.
    """
    if frame.empty:
        return dg.MetadataValue.md("*nothing*")
    lines = [list(frame.columns), ["---"] * frame.shape[1], *frame.astype(str).to_numpy().tolist()]
    rows = [f"| {' | '.join(map(_cell, row))} |" for row in lines]
    return dg.MetadataValue.md("\n".join(rows) + (f"\n\n{below}" if below else ""))


def numbers(report: object) -> dict[str, int | float]:
    """Return the numeric fields of a frozen report, which Dagster plots over time."""
    return {
        name: value
        for name, value in asdict(report).items()  # type: ignore[call-overload]
        if isinstance(value, int | float)
    }


def _cell(value: object) -> str:
    """Escape what would end a cell, begin markup or become a link; long cells are cut."""
    text = " ".join(str(value).splitlines())[:MOST_CHARS]
    return CUT.join(_escaped(part) for part in LINK.split(text))


def _escaped(text: str) -> str:
    return "".join(f"&#{ord(char)};" if char in MARKUP else char for char in text)
