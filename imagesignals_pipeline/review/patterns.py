"""What changes from month to month: counts as tables, and as a picture that needs no library."""

from dataclasses import dataclass

import pandas as pd
from sqlalchemy import Connection

from imagesignals_pipeline.dates import EPOCH
from imagesignals_pipeline.review import page
from imagesignals_pipeline.sql import query

MOST_MONTHS = 36
"""Months in a picture, the latest: more bars than that cannot be told apart."""
UNDATED = f"{EPOCH:%Y-%m}"
"""In place of the month of what has no date; it comes before all others."""
SHOWN = ("submissions", "duplicates", "look_alikes", "unlike_a_screenshot", "edited", "failed")
SHARES = ("duplicates", "look_alikes", "unlike_a_screenshot", "edited")
"""Counts that are also told as a share of the analysed submissions."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """One row a month, the earliest first, and the kinds of failures and the editors met in each.

    `months` has `month` (such as `2025-03`), `submissions`, `completed`, `duplicates`,
    `look_alikes`, `unlike_a_screenshot`, `edited`, `failed`, `skipped` and `pending`; `kinds` has
    `month`, `topic` (`failure` or `editor`), `kind` and `count`.
    """

    months: pd.DataFrame
    kinds: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """Return the months with shares in per cent beside the counts, the latest first."""
        shown = self.months.copy()
        for name in SHARES:
            both = zip(self.months[name], self.months["completed"], strict=True)
            shown[name] = [f"{n} ({100 * n / of:.0f} %)" if of else str(n) for n, of in both]
        shown.columns = [str(name).replace("_", " ") for name in shown.columns]
        return _named(shown.iloc[::-1])

    def topic(self, topic: str) -> pd.DataFrame:
        """Return the kinds of a topic, the latest month first."""
        chosen = self.kinds.loc[self.kinds["topic"] == topic, ["month", "kind", "count"]]
        latest_first = [False, False, True]
        return _named(chosen.sort_values(["month", "count", "kind"], ascending=latest_first))

    def picture(self) -> str:
        """Return the months as an SVG document, one row of bars for each count; empty if none.

        A month without submissions has bars without height; those of unknown date are in none.
        """
        dated = self.months[self.months["month"] != UNDATED].set_index("month")
        if dated.empty:
            return ""
        span = pd.period_range(dated.index[0], dated.index[-1], freq="M").astype(str)
        latest = dated.reindex(span, fill_value=0).tail(MOST_MONTHS)
        series = {name: [int(each) for each in latest[name]] for name in SHOWN}
        return page.chart(list(latest.index), series)

    def data_uri(self) -> str:
        """Return that picture as a URL which holds all of it."""
        return page.data_uri(self.picture().encode(), "image/svg+xml")


def trends(connection: Connection) -> page.Trends | None:
    """Return the patterns as the report shows them; None when there is no month."""
    found = read(connection)
    if found.months.empty:
        return None
    table = found.table()
    rows = [[str(cell) for cell in row] for row in table.itertuples(index=False)]
    return page.Trends(found.data_uri(), list(table.columns), rows)


def read(connection: Connection) -> Patterns:
    """Count the submissions of every month."""
    months = _frame(connection, "monthly_patterns")
    return Patterns(months, _frame(connection, "monthly_kinds"))


def _named(shown: pd.DataFrame) -> pd.DataFrame:
    return shown.assign(month=shown["month"].replace(UNDATED, "unknown"))


def _frame(connection: Connection, name: str) -> pd.DataFrame:
    found = connection.execute(query(name))
    frame = pd.DataFrame(found.all(), columns=list(found.keys()))
    frame["month"] = [f"{each:%Y-%m}" for each in frame["month"]]
    return frame
