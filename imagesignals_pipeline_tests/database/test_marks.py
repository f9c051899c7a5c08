"""Which pictures a picture asks: a function of the set of pictures, read from an index."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from imagesignals_pipeline import match, matching
from imagesignals_pipeline.match.candidates import DESCRIBED
from imagesignals_pipeline.matching import Reach, asking, settling
from imagesignals_pipeline.store import marks, pictures, rechecks
from imagesignals_pipeline.store.pictures import Placed
from imagesignals_pipeline_tests import synthetic
from imagesignals_pipeline_tests.synthetic import Table

NARROW = Reach(exhaustive=6, rare=3)
"""So that a few dozen pictures meet every rule that a million do."""
PICTURES = 48
FIRST = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Shown:
    """A submission and the words of its picture; some were made at the same moment."""

    number: int
    words: Table

    @property
    def id(self) -> UUID:
        """An id whose order is not that of the numbers."""
        return UUID(int=(7919 * self.number) % 1009)

    @property
    def created_at(self) -> datetime:
        """Three are made at each moment."""
        return FIRST + timedelta(days=self.number // 3)


@pytest.fixture(scope="module")
def crowd() -> list[Shown]:
    """Pictures that share some of forty words, every word with a few changed bits."""
    random = np.random.default_rng(5)
    vocabulary = random.integers(0, 2**63, 40).astype(np.uint64)
    found: list[Shown] = []
    for number in range(PICTURES):
        words = np.zeros(9, DESCRIBED)
        popular = (random.random(9) ** 2 * len(vocabulary)).astype(int)
        flipped = np.uint64(1) << random.integers(0, 64, 9).astype(np.uint64)
        words["code"] = vocabulary[popular] ^ flipped
        words["shape"] = 15
        found.append(Shown(number, words))
    return found


@pytest.fixture
def connection(engine: Engine, crowd: list[Shown]) -> Iterator[Connection]:
    """A society whose submissions are there, and not analysed."""
    with engine.begin() as connection:
        connection.execute(
            text("insert into payment_submissions values (:id, 'F-1', 'a.png', :created_at)"),
            [{"id": each.id, "created_at": each.created_at} for each in crowd],
        )
        yield connection
        connection.rollback()


def arrive(connection: Connection, some: Sequence[Shown]) -> frozenset[UUID]:
    """Store fingerprints, and settle them as one batch; return who looked again."""
    connection.execute(
        text(
            "insert into image_fingerprints values"
            " (:id, :pixels, :pixels, :payload, :version, now())"
        ),
        [
            {
                "id": each.id,
                "pixels": synthetic.pixels(each.number),
                "payload": synthetic.packed(each.words, each.number),
                "version": match.ALGORITHM_VERSION,
            }
            for each in some
        ],
    )
    return matching.settle(connection, [each.id for each in some], reach=NARROW).submissions


def every_one(connection: Connection) -> list[Placed]:
    """Return what is remembered of the crowd's pictures."""
    digests = [synthetic.pixels(number) for number in range(PICTURES)]
    numbers = pictures.numbers_of(connection, digests)
    return pictures.placed(connection, numbers)


def asked(connection: Connection) -> dict[UUID, tuple[list[bytes], float]]:
    """Return whom each picture that is shown would name now."""
    rows = every_one(connection)
    shown = [each for each in rows if each.order]
    read_from = marks.state(connection, match.ALGORITHM_VERSION, NARROW.exhaustive).read_from
    named = asking.named(connection, shown, NARROW, read_from)
    return {each.order[1]: named[each.pixels] for each in rows if each.order}


def plainly_asked(crowd: Sequence[Shown]) -> dict[int, set[int]]:
    """Return whom each picture asks, told without an index."""
    order = sorted(crowd, key=lambda each: (each.created_at, each.id))
    marks = {each.number: match.marks(synthetic.descriptor(each.words)) for each in crowd}
    found: dict[int, set[int]] = {}
    for place, each in enumerate(order):
        earlier = order[:place]
        asks = {other.number for other in earlier} if place < NARROW.exhaustive else set[int]()
        for mark, bits in marks[each.number].items():
            by_then = [
                other.number
                for other in order
                if other is not each
                and other.created_at <= each.created_at
                and mark in marks[other.number]
            ]
            if len(by_then) <= NARROW.rare:
                asks |= {
                    other.number
                    for other in earlier
                    if other.number in by_then
                    and match.may_be_equal(bits, marks[other.number][mark])
                }
        found[each.number] = asks
    return found


def test_a_picture_asks_whom_the_rule_says(connection: Connection, crowd: list[Shown]) -> None:
    """The first ask all before them; later ones those with a mark that few had by then."""
    arrive(connection, crowd)
    expected = plainly_asked(crowd)
    descriptors = {each.number: synthetic.descriptor(each.words) for each in crowd}
    found = asked(connection)
    for each in crowd:
        likely = {
            synthetic.pixels(other)
            for other in expected[each.number]
            if match.Candidates([descriptors[other]]).scores(descriptors[each.number])[0] > 0
        }
        assert set(found[each.id][0]) == likely, each.number
    sizes = [len(asks) for asks in expected.values()]
    assert 0 < np.mean(sizes[NARROW.exhaustive :]) < PICTURES / 3


def test_who_shares_a_mark_by_chance_is_not_asked(
    connection: Connection, crowd: list[Shown]
) -> None:
    """Both sides of the limit, and with the bit that PostgreSQL takes for a sign."""
    arrive(connection, crowd)
    places = {each.order: each.number for each in every_one(connection) if each.order}
    (earliest, latest), mark = (min(places), max(places)), -5
    one, other = places[earliest], places[latest]
    marks.save(connection, {one: {mark: 0}})
    rule = marks.Rule(match.ALGORITHM_VERSION, NARROW.rare, match.MAX_OTHER_BITS)
    for changed, expected in ((match.MAX_OTHER_BITS, [one]), (match.MAX_OTHER_BITS + 1, [])):
        bits = -1 << (32 - changed)
        found = marks.sharing(connection, rule, {other: {mark: bits}}, {other: latest[0]})
        assert found.get(other, []) == expected
        assert match.may_be_equal(0, bits) is bool(expected)


@pytest.mark.parametrize("seed", range(6))
def test_whose_candidates_change_looks_again(
    connection: Connection, crowd: list[Shown], seed: int
) -> None:
    """Arrivals in any order, deletions and new dates: nobody keeps candidates that are not so."""
    random = Random(seed)
    waiting = random.sample(crowd, len(crowd)) if seed else crowd[::-1]
    changes = 0
    while waiting:
        before = asked(connection)
        size = random.randint(1, 5)
        again = set(arrive(connection, waiting[:size]))
        waiting = waiting[size:]
        after = asked(connection)
        changed = {id_ for id_, named in after.items() if named != before.get(id_)}
        assert changed <= again
        changes += len(changed)
    assert changes > PICTURES + 5
    for each in random.sample(crowd, 16):
        before = asked(connection)
        _disturb(connection, each, random)
        again = set(matching.settle(connection, reach=NARROW).submissions)
        after = asked(connection)
        assert {id_ for id_, named in after.items() if named != before.get(id_)} <= again


@pytest.mark.parametrize("seed", range(3))
def test_who_is_concerned_by_many_late_ones_looks_once(
    connection: Connection, crowd: list[Shown], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """A batch compares its own pictures; the others wait, and come to the same as in order."""

    def candidates() -> list[tuple[bytes, float]]:
        rows = connection.execute(text("select pixels_sha256, worst_score from image_pictures"))
        return sorted((bytes(row.pixels_sha256), row.worst_score) for row in rows)

    def drained() -> int:
        done = 0
        while settled := matching.recheck(connection, limit=7, reach=NARROW).moved:
            done += settled
        return done

    monkeypatch.setattr(settling, "RECHECKED_AT_ONCE", 0)
    monkeypatch.setattr(match, "MAX_CANDIDATES", 4)
    shuffled = Random(seed).sample(crowd, len(crowd))
    for start in range(0, PICTURES, 5):
        some = shuffled[start : start + 5]
        assert arrive(connection, some) == {each.id for each in some}
    waiting = rechecks.waiting(connection, None)
    assert drained() == len(waiting) > PICTURES / 2
    late = asked(connection), candidates()
    assert any(worst for _, worst in late[1])
    connection.execute(text("truncate image_fingerprints, image_pictures, image_marks"))
    for each in sorted(crowd, key=lambda each: (each.created_at, each.id)):
        arrive(connection, [each])
    drained()
    assert rechecks.waiting(connection, None) == []
    assert (asked(connection), candidates()) == late


def _disturb(connection: Connection, each: Shown, random: Random) -> None:
    """Delete a submission, or date it anew."""
    if random.random() < 1 / 2:
        connection.execute(text("delete from payment_submissions where id = :id"), {"id": each.id})
    else:
        connection.execute(
            text("update payment_submissions set created_at = :at where id = :id"),
            {"id": each.id, "at": FIRST + timedelta(days=random.randint(0, PICTURES // 3))},
        )


def test_arriving_last_concerns_nobody_else(connection: Connection, crowd: list[Shown]) -> None:
    """In the order of submission nobody looks again, whatever has become common meanwhile."""
    order = sorted(crowd, key=lambda each: (each.created_at, each.id))
    for start in range(0, PICTURES, 6):
        some = order[start : start + 6]
        assert arrive(connection, some) == {each.id for each in some}


def test_a_batch_outlives_a_deletion(connection: Connection, crowd: list[Shown]) -> None:
    """A picture whose submission was deleted is no candidate, also before that was settled."""
    arrive(connection, crowd[:-4])
    connection.execute(
        text("delete from payment_submissions where id = any(cast(:ids as uuid []))"),
        {"ids": [str(each.id) for each in crowd[:20]]},
    )
    arrive(connection, crowd[-4:])
    while matching.settle(connection, limit=3, reach=NARROW).moved:
        pass
    kept = asked(connection)
    connection.execute(
        text("truncate image_fingerprints, image_matches, image_pictures, image_marks")
    )
    arrive(connection, crowd[20:])
    assert asked(connection) == kept


def test_marks_of_pictures_that_are_no_more_lead_to_nobody(
    connection: Connection, crowd: list[Shown]
) -> None:
    """A table that somebody emptied by hand is filled again, and stops no batch."""
    arrive(connection, crowd[:-4])
    connection.execute(text("delete from image_pictures"))
    arrive(connection, crowd[-4:])
    matching.settle(connection, reach=NARROW)
    assert asked(connection).keys() == {each.id for each in crowd}


def test_whom_a_picture_will_ask_is_known_before(
    connection: Connection, crowd: list[Shown]
) -> None:
    """A picture that is not stored yet names whom it names when it is, but for its own batch."""
    order = sorted(crowd, key=lambda each: (each.created_at, each.id))
    arrive(connection, order[:-6])
    fresh = [
        Placed(
            -each.number,
            synthetic.pixels(each.number),
            (each.created_at, each.id),
            synthetic.descriptor(each.words),
            0.0,
        )
        for each in order[-6:]
    ]
    read_from = marks.state(connection, match.ALGORITHM_VERSION, NARROW.exhaustive).read_from
    before = asking.named(connection, fresh, NARROW, read_from)
    arrive(connection, order[-6:])
    after = asked(connection)
    batch = {each.pixels for each in fresh}
    for each in order[-6:]:
        named = set(after[each.id][0]) - batch
        assert named <= set(before[synthetic.pixels(each.number)][0])
    assert sum(len(set(after[each.id][0]) - batch) for each in order[-6:]) > 6


def test_the_index_holds_who_is_shown(connection: Connection, crowd: list[Shown]) -> None:
    """Every mark of every picture that is shown is there, at its place, and nothing else."""
    arrive(connection, crowd)
    for each in crowd[:8]:
        _disturb(connection, each, Random(each.number))
    matching.settle(connection, reach=NARROW)
    held = connection.execute(
        text(
            "select mark, other_bits, pixels_sha256, mark.first_created_at"
            " from image_marks as mark"
            " join image_pictures as picture on picture.number = mark.picture"
        )
    )
    rows = every_one(connection)
    assert sorted((mark, bits, bytes(pixels), at) for mark, bits, pixels, at in held) == sorted(
        (mark, bits, each.pixels, each.order[0])
        for each in rows
        if each.order
        for mark, bits in match.marks(each.descriptor).items()
    )
