"""The backfill's progress, on a terminal and in a log file."""

from functools import partial
from io import StringIO

from rich.console import Console

from imagesignals_pipeline import activity
from imagesignals_pipeline.activity import Activity, ActivityKind
from imagesignals_pipeline.console import ConsoleActivity
from imagesignals_pipeline.model import Totals


def _told(console: Console) -> None:
    """Tell the activity of two runs of one batch each."""
    with ConsoleActivity(console, total=10, already=7, batches=2) as shown:
        for flat in ("F-1 [bold]", "F-2"):
            shown.tell(activity.fetching())
            shown.tell(activity.found(1))
            shown.tell(activity.batch(1, 1))
            shown.tell(Activity(ActivityKind.SUCCESSFUL, f"✅ Processed {flat} - OK"))
        shown.tell(Activity(ActivityKind.FAILED, "❌ Failed F-3 - Failed to fetch: 404"))


def test_a_log_file_gets_plain_lines() -> None:
    """Without a terminal there is no bar; batches of several runs are numbered through."""
    stream = StringIO()
    _told(Console(file=stream, force_terminal=False, width=20))
    assert stream.getvalue().splitlines() == [
        "🔄 Processing batch 1 of 2",
        "✅ Processed F-1 [bold] - OK",
        "🔄 Processing batch 2 of 2",
        "✅ Processed F-2 - OK",
        "❌ Failed F-3 - Failed to fetch: 404",
    ]


def test_a_terminal_gets_a_bar_with_totals() -> None:
    """The bar counts what was done before, and each outcome by its kind."""
    stream = StringIO()
    _told(Console(file=stream, force_terminal=True, width=120))
    assert "10/10 processed" in stream.getvalue()
    assert "2 successful, 7 skipped, 1 failed" in stream.getvalue()


def _told_slowly(console: Console) -> None:
    """Tell of ten batches of five, of twenty seconds each."""
    seconds = iter(range(0, 2000, 20))
    clock = partial(next, seconds)
    run = Totals(total=100, processed=50, completed=50, skipped=0, failed=0, pending=50)
    with ConsoleActivity(console, total=107, already=7, batches=20, clock=clock) as shown:
        for number in range(1, 11):
            shown.tell(activity.batch(number, 20))
            for _ in range(5):
                shown.tell(Activity(ActivityKind.SUCCESSFUL, "✅ Processed F-1 - OK"))
            shown.tell(activity.totals(run))


def test_a_terminal_shows_the_pace() -> None:
    """The bar says how fast it goes and how long it has left."""
    stream = StringIO()
    _told_slowly(Console(file=stream, force_terminal=True, width=120))
    assert "15 a minute, about 3 minutes left" in stream.getvalue()


def test_a_log_file_tells_the_pace_now_and_then() -> None:
    """Without a bar, the pace is a line of its own, once a minute at most."""
    stream = StringIO()
    _told_slowly(Console(file=stream, force_terminal=False, width=120))
    assert [line for line in stream.getvalue().splitlines() if "left" in line] == [
        "⏱️ 15 a minute, about 6 minutes left",
        "⏱️ 15 a minute, about 5 minutes left",
        "⏱️ 15 a minute, about 4 minutes left",
    ]
