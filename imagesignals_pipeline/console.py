"""The backfill's activity on a terminal: a bar with totals, or plain lines where there is none."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from imagesignals_pipeline import activity, pace
from imagesignals_pipeline.activity import Activity, ActivityKind
from imagesignals_pipeline.model import Totals
from imagesignals_pipeline.pace import Mark

PACE_EVERY_S = 60.0
"""Seconds between two lines about the pace where there is no bar that shows it."""


class ConsoleActivity:
    """Shows one backfill over several runs as one: batches are numbered through.

    Args:
        total: Submissions with a screenshot.
        already: How many of them were analysed before this backfill.
        batches: Batches of all runs together.
        clock: Seconds; only differences count.
    """

    def __init__(
        self,
        console: Console,
        *,
        total: int,
        already: int,
        batches: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._clock = clock
        self._total = total
        self._waiting = total - already
        self._done = 0
        self._marks: list[Mark] = []
        self._pace_told_s = 0.0
        self._batches = batches
        self._batch = 0
        self._counts = {
            ActivityKind.SUCCESSFUL: 0,
            ActivityKind.SKIPPED: already,
            ActivityKind.FAILED: 0,
        }
        self._progress = Progress(
            TextColumn("{task.completed}/{task.total} processed"),
            BarColumn(bar_width=20),
            TextColumn("{task.description}\n{task.fields[pace]}"),  # fits into 80 characters
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID = self._progress.add_task(
            self._description(), total=total, completed=already, pace=""
        )

    def __enter__(self) -> Self:
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the bar as it stands."""
        if self._console.is_terminal:  # elsewhere it would end in a blank line
            self._progress.stop()

    @property
    def totals(self) -> Totals:
        """How far it has come; what was analysed before counts as skipped."""
        successful, skipped, failed = (self._counts[kind] for kind in activity.OUTCOMES)
        processed = successful + skipped + failed
        return Totals(self._total, processed, successful, skipped, failed, self._total - processed)

    def tell(self, told: Activity) -> None:
        """Take one line of a run's activity log."""
        match told.kind:
            case ActivityKind.FETCHING | ActivityKind.FOUND | ActivityKind.NOTHING:
                return  # said once for all runs by the command itself
            case ActivityKind.TOTALS:
                self._mark()  # the bar has the numbers
            case ActivityKind.BATCH:
                if not self._marks:
                    self._mark()
                self._batch += 1
                self._print(activity.batch(self._batch, max(self._batch, self._batches)).line)
            case _:
                self._print(told.line)
        if told.kind in activity.OUTCOMES:
            self._counts[told.kind] += 1
            self._done += 1
            self._progress.update(self._task, advance=1, description=self._description())

    def _mark(self) -> None:
        """Note that a batch has ended, or the first one begins, and show the pace."""
        now_s = self._clock()
        if not self._marks:
            self._pace_told_s = now_s
        self._marks.append(Mark(now_s, self._done))
        now = pace.pace(self._marks, self._waiting)
        if now is None:
            return
        self._progress.update(self._task, pace=pace.in_words(now))
        if not self._console.is_terminal and now_s - self._pace_told_s >= PACE_EVERY_S:
            self._pace_told_s = now_s
            self._print(activity.pace(pace.in_words(now)).line)

    def _print(self, line: str) -> None:
        """Print above the bar; names and reasons are data, not markup."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _description(self) -> str:
        """Return the running totals."""
        successful, skipped, failed = (self._counts[kind] for kind in activity.OUTCOMES)
        return f"{successful} successful, {skipped} skipped, {failed} failed"
