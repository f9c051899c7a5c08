"""Tables and numbers as Dagster metadata."""

from dataclasses import asdict

import dagster as dg
import pandas as pd

ROWS = 20
"""Rows of a preview: what fits a screen of the UI."""
MARKUP = frozenset("|<>&`*_~[]\\!#$")
"""Characters with a meaning in the UI's Markdown, which knows HTML and formulas too."""


def table(frame: pd.DataFrame) -> dg.MetadataValue:
    """Return the frame as a Markdown table; cells are data, so Markdown in them is escaped."""
    if frame.empty:
        return dg.MetadataValue.md("*nothing*")
    lines = [list(frame.columns), ["---"] * frame.shape[1], *frame.astype(str).to_numpy().tolist()]
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(map(_cell, row))} |" for row in lines))


def numbers(report: object) -> dict[str, int | float]:
    """Return the numeric fields of a frozen report, which Dagster plots over time."""
    return {
        name: value
        for name, value in asdict(report).items()  # type: ignore[call-overload]
        if isinstance(value, int | float)
    }


def _cell(value: object) -> str:
    """Escape what would end a cell or begin markup; long cells are cut."""
    text = " ".join(str(value).splitlines())[:80]
    return "".join(f"&#{ord(char)};" if char in MARKUP else char for char in text)
