"""One batch from end to end, told without Dagster: fetch, inspect, save, match, link."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Protocol, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine

from imagesignals_pipeline import activity, backlog, match, matching, pace, source, store
from imagesignals_pipeline.activity import Tell
from imagesignals_pipeline.fetch import Fetcher
from imagesignals_pipeline.model import Analysis, Failure, OperatorError, Outcome, Submission
from imagesignals_pipeline.picture import Inspectors
from imagesignals_pipeline.store import IndexReport, LinkReport, rechecks
from imagesignals_pipeline.store.pictures import Order, Pixels
from imagesignals_pipeline.workers import share_arenas

PORTION = 50
"""Pictures that `settle` compares in one transaction: a few seconds during which batches wait."""
FORGOTTEN_AT_ONCE = 1_000
PROGRESS_TOLD = 500
"""Times that a run counts all it has planned, to tell how far it is; at most after each batch."""

T = TypeVar("T")


class Compare(Protocol):
    """Compares a portion of the pictures that moved, or of those that wait for it."""

    def __call__(
        self, connection: Connection, /, *, limit: int, seen: matching.Seen
    ) -> matching.Settled:
        """Compare at most so many."""
        ...


@dataclass(frozen=True, slots=True)
class Workbench:
    """What a batch works with; all of it may be shared by threads."""

    engine: Engine
    fetcher: Fetcher
    inspectors: Inspectors


@dataclass(frozen=True, slots=True)
class Settlement:
    """What `settle` did: rows and thumbnails forgotten, pictures compared, links and index.

    `signals_withdrawn` were of submissions that have no screenshot any more. `pictures_waiting`
    are those that have yet to be compared anew, as it was postponed.
    """

    signals_withdrawn: int
    pictures_moved: int
    pictures_waiting: int
    thumbnails_forgotten: int
    links: LinkReport
    index: IndexReport


class NotPlannedError(OperatorError):
    """The run that asks for a batch, or whether all are done, has never planned them."""

    def __init__(self) -> None:
        super().__init__(
            "This run has not planned its batches itself: "
            "re-execute all its steps, not from failure."
        )


def run_batch(bench: Workbench, *, run_id: str, number: int, tell: Tell) -> int:
    """Analyse one planned batch and commit it; only committed work is told.

    Whoever else is at the same batch is waited for; then there is nothing left of it to do.

    Returns:
        How many screenshots were fetched; 0 when other runs had done the batch.

    Raises:
        NotPlannedError: The plan of this run does not hold the batch.
        StorageMisconfiguredError: The storage refuses every picture; nothing is stored.
    """
    with store.alone(bench.engine, run_id, number):
        return _run_batch(bench, run_id, number, tell)


def _run_batch(bench: Workbench, run_id: str, number: int, tell: Tell) -> int:
    with store.reading(bench.engine) as connection:
        planned = source.planned(connection, run_id, number)
        if planned is None:
            raise NotPlannedError
        submissions = source.submissions(connection, planned.submission_ids)
        done = source.analysed_since(
            connection, planned.submission_ids, planned.planned_at, match.ALGORITHM_VERSION
        )
    tell(activity.batch(number, planned.batch_count))
    outcomes = inspect(bench, [each for each in submissions if each.id not in done])
    duplicates = commit(bench.engine, outcomes, bench.inspectors.call)
    for each in submissions:
        if each.id in done:
            tell(activity.already_analysed(each.flat_id))
    for outcome in outcomes:
        tell(activity.processed(outcome, duplicate=outcome.submission.id in duplicates))
    if number % ceil(planned.batch_count / PROGRESS_TOLD) == 0 or number == planned.batch_count:
        with store.reading(bench.engine) as connection:
            now = source.progress(connection, run_id)
        tell(activity.totals(now.totals, pace.in_words(now.pace) if now.pace else ""))
    return len(outcomes)


def inspect(bench: Workbench, submissions: Sequence[Submission]) -> list[Outcome]:
    """Fetch all screenshots at once and inspect each as it arrives, in the order given."""
    if not submissions:
        return []

    def one(submission: Submission) -> Outcome:
        content = bench.fetcher.fetch(submission.screenshot_url)
        result = content if isinstance(content, Failure) else bench.inspectors.inspect(content)
        return Outcome(submission, result)

    share_arenas()
    pool = ThreadPoolExecutor(len(submissions), thread_name_prefix="screenshot")
    try:
        return list(pool.map(one, submissions))
    finally:  # whoever interrupts it does not wait for downloads that take their time
        pool.shutdown(wait=False, cancel_futures=True)


def commit(
    engine: Engine, outcomes: Sequence[Outcome], call: matching.Call = matching.here
) -> set[UUID]:
    """Save the outcomes and link them with all that is stored; return who is a duplicate.

    One transaction behind one lock: of two batches that end at once the later one sees the
    earlier one's pictures, so no pair is missed, and no row is ever saved without its links. Who
    has to wait for the lock compares meanwhile, so that many workers do.

    Args:
        engine: The database.
        outcomes: Of the batch.
        call: Where pictures are compared.
    """
    seen = matching.Seen(call)

    def write(connection: Connection) -> set[UUID]:
        written = store.save(connection, outcomes)
        settled = matching.settle(connection, written, seen=seen)
        return written & store.link(connection, written | settled.submissions).copies

    def compare(connection: Connection) -> None:
        matching.foresee(connection, _pictures(outcomes), seen=seen)

    return _in_turn(engine, write, compare)


def _pictures(outcomes: Sequence[Outcome]) -> list[tuple[Pixels, Order, bytes]]:
    """Return digest, place and payload of the pictures that can be compared."""
    found = [
        (each.submission, each.result.fingerprint)
        for each in outcomes
        if isinstance(each.result, Analysis)
    ]
    return [
        (fingerprint.pixels_sha256, (submission.created_at, submission.id), fingerprint.payload)
        for submission, fingerprint in found
        if fingerprint.pixels_sha256 and fingerprint.payload
    ]


def settle(
    engine: Engine,
    thumbnail_days: int | None = None,
    *,
    postpone: bool = False,
    call: matching.Call = matching.here,
    tell: Tell = lambda _: None,
) -> Settlement:
    """Bring comparisons, links and the hash index in line with all that is stored.

    Also what other versions, deleted submissions, screenshots that were taken away or an
    interrupted upgrade left behind. Many comparisons are made in portions, each committed and told,
    so that batches need not wait long.

    Args:
        engine: The database.
        thumbnail_days: Age of a submission from which its thumbnail is forgotten, once it has been
            compared; None keeps all.
        postpone: Leave what waits to be compared anew to a run that follows: pictures of another
            month may concern the same ones.
        call: Where pictures are compared.
        tell: Hears how far it is.

    Raises:
        SubmissionsHiddenError: Hidden submissions would pass for deleted; nothing was changed.
    """

    def write(compare: Compare, seen: matching.Seen, connection: Connection) -> int:
        settled = compare(connection, limit=PORTION, seen=seen)
        store.link(connection, settled.submissions)
        return settled.moved

    with engine.begin() as connection:
        source.require_visible(connection)
    withdrawn = _in_turn(engine, store.forget_withdrawn)
    moved = known = 0
    # To find what has moved reads all pictures, so that it is not done beside what waits.
    for compare in (matching.settle,) if postpone else (matching.settle, matching.recheck):
        portion, counted = PORTION, postpone
        while portion == PORTION:
            portion = _in_turn(engine, partial(write, compare, matching.Seen(call)))
            moved += portion
            # There may be many more. Those of another version, and what is postponed, do not count.
            if portion == PORTION and not counted:
                with engine.begin() as connection:
                    left = backlog.unsettled(connection, match.ALGORITHM_VERSION).pictures_moved
                known, counted = moved + left if left else 0, True
            if portion and moved >= PORTION:
                tell(activity.compared_anew(moved, known))
    with engine.begin() as connection:
        links = store.link(connection)
    while _in_turn(engine, matching.forget_strays):
        pass
    with engine.begin() as connection:
        index = store.reindex(connection)
        postponed = rechecks.count(connection)
    forgotten = 0 if thumbnail_days is None else _forget_thumbnails(engine, thumbnail_days)
    return Settlement(withdrawn, moved, postponed, forgotten, links, index)


def _forget_thumbnails(engine: Engine, days: int) -> int:
    def write(connection: Connection) -> int:
        return store.forget_thumbnails(connection, match.ALGORITHM_VERSION, days, FORGOTTEN_AT_ONCE)

    forgotten = 0
    while portion := _in_turn(engine, write):
        forgotten += portion
    return forgotten


def _in_turn(
    engine: Engine,
    write: Callable[[Connection], T],
    meanwhile: Callable[[Connection], None] = lambda _: None,
) -> T:
    """Write and commit as the only writer."""
    with engine.begin() as connection:
        return store.in_turn(connection, lambda: write(connection), lambda: meanwhile(connection))
