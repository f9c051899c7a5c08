"""The activity log: what the operator reads while a backfill runs, in the guide's own words."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from imagesignals_pipeline.model import Analysis, AnalysisStatus, Outcome, Totals


class ActivityKind(StrEnum):
    """What a line of the activity log tells about."""

    FETCHING = "fetching"
    FOUND = "found"
    NOTHING = "nothing"
    BATCH = "batch"
    SUCCESSFUL = "successful"
    SKIPPED = "skipped"
    FAILED = "failed"
    TOTALS = "totals"
    COMPARED = "compared"
    FINISHED = "finished"


OUTCOMES = (ActivityKind.SUCCESSFUL, ActivityKind.SKIPPED, ActivityKind.FAILED)
"""The kinds of the lines that tell what became of one submission."""


@dataclass(frozen=True, slots=True)
class Activity:
    """One line of the activity log."""

    kind: ActivityKind
    line: str


_REMEDY = "`imagesignals verify` says why, and --retry-failed tries again what may pass"

Tell = Callable[[Activity], None]
"""Where activities go: Dagster's log, the terminal, or a list in a test."""


def fetching() -> Activity:
    """Say that the backfill looks for work."""
    return Activity(ActivityKind.FETCHING, "🔍 Fetching payment submissions with screenshots...")


def found(pending: int) -> Activity:
    """Say how much work there is; of none `nothing` tells."""
    return Activity(ActivityKind.FOUND, f"📊 Found {pending} payment submissions to process")


def nothing(known: Totals) -> Activity:
    """Say why there is nothing to do, of the submissions with a screenshot."""
    why = "every screenshot is already analysed"
    if not known.total:
        why = "no submission in this range has a screenshot"
    elif known.failed or known.skipped:
        counts = {"failed": known.failed, "were skipped": known.skipped}
        told = (f"{count} of {known.total} {what}" for what, count in counts.items() if count)
        why += f", but {' and '.join(told)}: {_REMEDY}"
    return Activity(ActivityKind.NOTHING, f"No payments found: {why}")


def batch(number: int, count: int) -> Activity:
    """Say which batch begins."""
    return Activity(ActivityKind.BATCH, f"🔄 Processing batch {number} of {count}")


def processed(outcome: Outcome, *, duplicate: bool) -> Activity:
    """Say what became of one submission."""
    label = printable(outcome.submission.flat_id)
    if isinstance(outcome.result, Analysis):
        verdict = "Duplicate detected!" if duplicate else "OK"
        return Activity(ActivityKind.SUCCESSFUL, f"✅ Processed {label} - {verdict}")
    if outcome.result.kind.status is AnalysisStatus.SKIPPED:
        return Activity(ActivityKind.SKIPPED, f"⏭️ Skipped {label} - {outcome.result.detail}")
    return Activity(ActivityKind.FAILED, f"❌ Failed {label} - {outcome.result.detail}")


def already_analysed(flat_id: str) -> Activity:
    """Say that another run was faster."""
    return Activity(ActivityKind.SKIPPED, f"⏭️ Skipped {printable(flat_id)} - Already analyzed")


def totals(run: Totals, ahead: str = "", *, before: int = 0) -> Activity:
    """Say how far the run has come.

    Args:
        run: What it has done.
        ahead: How long the rest will take, in words.
        before: How many of the skipped ones had been done before it began.
    """
    known = f" ({before} done before)" if before else ""
    rest = f"; {ahead}" if ahead and run.pending else ""
    return Activity(
        ActivityKind.TOTALS,
        f"📈 Processed {run.processed} of {run.total}: "
        f"{run.completed} successful, {run.skipped} skipped{known}, {run.failed} failed{rest}",
    )


def failures(run: Totals, *, before: int = 0) -> Activity:
    """Say what to do about those that failed; where nothing succeeded, the storage may be down.

    Where nothing failed either, about those that were skipped, without the ones `before` the run.
    """
    if not run.failed:
        what = f"Not one screenshot was analysed, {run.skipped - before} were skipped"
    elif not run.completed:
        what = f"Not one screenshot could be analysed. Is the storage up? {run.failed} failed"
    else:
        what = f"{run.failed} failed"
    return Activity(ActivityKind.TOTALS, f"⚠️ {what}: {_REMEDY}")


def pace(words: str) -> Activity:
    """Say how fast it goes and when it will be done."""
    return Activity(ActivityKind.TOTALS, f"⏱️ {words}")


def compared_anew(done: int, total: int) -> Activity:
    """Say how many pictures were compared anew, of those that waited for it if that is known."""
    of_them = f" of {total}" if total >= done else ""
    return Activity(ActivityKind.COMPARED, f"🔁 Compared {done}{of_them} pictures anew")


def finished() -> Activity:
    """Say that the backfill is complete."""
    return Activity(ActivityKind.FINISHED, "✨ Backfill completed successfully!")


def printable(label: str) -> str:
    """Return a text that cannot steer a terminal, nor begin a line of its own."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in label)
