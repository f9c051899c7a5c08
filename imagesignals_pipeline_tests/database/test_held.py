"""What is held of a database is not read again, and never says what there is."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from imagesignals_pipeline import database, match, matching, settings, store
from imagesignals_pipeline.model import Fingerprint, Outcome, Submission
from imagesignals_pipeline.store import held, pictures, sealed
from imagesignals_pipeline.store.held import Held
from imagesignals_pipeline.store.pictures import Placed
from imagesignals_pipeline_tests import synthetic
from imagesignals_pipeline_tests.database.society import picture
from imagesignals_pipeline_tests.database.test_marks import (
    FIRST,
    NARROW,
    Shown,
    arrive,
    connection,
    crowd,
    every_one,
)

__all__ = ["connection", "crowd"]


@pytest.fixture
def sent(engine: Engine) -> Iterator[list[str]]:
    """The statements that are sent to the database, as they come."""
    statements: list[str] = []

    def remember(*told: object) -> None:
        statements.append(str(told[2]))

    event.listen(engine, "before_cursor_execute", remember)
    yield statements
    event.remove(engine, "before_cursor_execute", remember)


def digests(some: list[Shown]) -> list[bytes]:
    """Return what names their pictures."""
    return [synthetic.pixels(each.number) for each in some]


class TestHeld:
    """Bytes in memory, at most so many."""

    def test_those_asked_for_longest_ago_go_first(self) -> None:
        """What was asked for again stays."""
        some = Held[tuple[int, bytes], bytes](2)
        some.keep({(1, b"a"): b"A", (1, b"b"): b"B"})
        assert some.known([(1, b"a")]) == {(1, b"a"): b"A"}
        some.keep({(1, b"c"): b"C"})
        assert some.known([(1, b"a"), (1, b"b"), (1, b"c"), (2, b"a")]) == {
            (1, b"a"): b"A",
            (1, b"c"): b"C",
        }

    def test_each_database_has_its_own(self, engine: Engine) -> None:
        """Two engines share nothing, connections of one share all."""
        with (
            database.connected(engine.url) as another,
            engine.connect() as one,
            engine.connect() as other,
            another.connect() as elsewhere,
        ):
            assert held.payloads(one) is held.payloads(other)
            assert held.payloads(one) is not held.payloads(elsewhere)
            assert held.payloads(one) is not held.heads(one)


def test_rows_are_read_once(connection: Connection, crowd: list[Shown]) -> None:
    """The database sends them again after every change, and else not."""
    held_versions: list[list[str | None]] = []

    def remember(*told: Any) -> None:
        if "Pictures by their numbers" in told[2]:
            held_versions.append(told[3]["held"])

    arrive(connection, crowd)
    first = every_one(connection)
    assert all(each.descriptor for each in first)
    event.listen(connection, "before_cursor_execute", remember)
    assert every_one(connection) == first
    versions = text("select concat(xmin, ctid) from image_pictures")
    assert [sorted(filter(None, each)) for each in held_versions] == [
        sorted(connection.execute(versions).scalars())
    ]
    connection.execute(text("update image_pictures set descriptor = 'another', worst_score = 7"))
    changed = [replace(each, descriptor=b"another", worst_score=7) for each in first]
    assert every_one(connection) == changed


def test_a_number_names_another_picture_in_another_database(
    connection: Connection, crowd: list[Shown]
) -> None:
    """Such as one restored from a backup, whose numbers begin again."""
    arrive(connection, crowd)
    (before,) = pictures.placed(connection, [1])
    connection.execute(
        text(
            "update image_pictures set pixels_sha256 = :another, descriptor = 'words'"
            " where number = 1"
        ),
        {"another": bytes(32)},
    )
    (after,) = pictures.placed(connection, [1])
    assert after == replace(before, pixels=bytes(32), descriptor=b"words")


def test_places_are_read_once(connection: Connection, crowd: list[Shown], sent: list[str]) -> None:
    """A second look asks which rows there are, and reads those that changed."""

    def first() -> list[Placed]:
        return pictures.first(connection, match.ALGORITHM_VERSION, len(crowd) - 1)

    arrive(connection, crowd)
    before = first()
    assert len(before) == len(crowd) - 1
    sent.clear()
    assert first() == before
    assert len(sent) == 1
    with connection.begin_nested() as undone:
        connection.execute(text("update image_pictures set worst_score = 9 where number = 1"))
        assert {each.number for each in first() if each not in before} == {1}
        connection.execute(text("update image_pictures set worst_score = 8 where number = 1"))
        assert {each.worst_score for each in first() if each not in before} == {8}
        undone.rollback()
    assert first() == before


def test_payloads_are_read_once(
    connection: Connection,
    crowd: list[Shown],
) -> None:
    """What the table holds by now is not asked for again, but whether it holds anything is."""
    arrive(connection, crowd)
    some = digests(crowd)
    first = pictures.payloads(connection, match.ALGORITHM_VERSION, some)
    assert first.keys() == set(some)
    connection.execute(text("update image_fingerprints set payload = 'another'"))
    assert pictures.payloads(connection, match.ALGORITHM_VERSION, some) == first
    connection.execute(
        text("update image_fingerprints set payload = '' where payment_submission_id = :id"),
        {"id": crowd[0].id},
    )
    left = pictures.payloads(connection, match.ALGORITHM_VERSION, some)
    assert left.keys() == first.keys() - {some[0]}


def missing(parameters: dict[str, list[bytes]]) -> set[bytes]:
    """Return of which pictures a statement wants to be sent something."""
    asked_for = zip(parameters["pixels"], parameters["held"], strict=True)
    return {pixels for pixels, is_held in asked_for if not is_held}


@pytest.fixture
def asked(connection: Connection) -> list[tuple[set[bytes], set[bytes]]]:
    """Of which pictures the payload was asked for, and which of them were held."""
    found: list[tuple[set[bytes], set[bytes]]] = []

    def remember(*told: Any) -> None:
        if "What pictures are compared by" in told[2]:
            found.append((set(told[3]["pixels"]), set(told[3]["pixels"]) - missing(told[3])))

    event.listen(connection, "before_cursor_execute", remember)
    return found


def test_what_arrives_is_read_once(
    connection: Connection, crowd: list[Shown], asked: list[tuple[set[bytes], set[bytes]]]
) -> None:
    """What another process stored is read when it is found to be new, and not to be compared."""
    arrive(connection, crowd)
    everything = set(digests(crowd))
    assert asked[0] == (everything, set())
    assert asked[1:]
    assert all(pixels == before for pixels, before in asked[1:])


def test_what_was_saved_is_not_read_back(
    connection: Connection, crowd: list[Shown], asked: list[tuple[set[bytes], set[bytes]]]
) -> None:
    """A batch compares what it has just sent."""
    outcomes: list[Outcome] = []
    for each in crowd:
        digest, payload = synthetic.pixels(each.number), synthetic.packed(each.words, each.number)
        fingerprint = Fingerprint(digest, digest, payload, match.ALGORITHM_VERSION)
        submission = Submission(each.id, "F-1", "a.png", each.created_at)
        outcomes.append(Outcome(submission, replace(picture("any"), fingerprint=fingerprint)))
    saved = store.save(connection, outcomes, FIRST)
    matching.settle(connection, saved, reach=NARROW)
    assert asked
    assert all(pixels == before for pixels, before in asked)


def test_heads_are_the_beginning_of_payloads(
    connection: Connection, crowd: list[Shown], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read once, also where the payload is encrypted, or not at all where it is held."""
    monkeypatch.setenv(settings.THUMBNAIL_KEY, "A" * 43 + "=")
    arrive(connection, crowd)
    some = digests(crowd)
    whole = pictures.payloads(connection, match.ALGORITHM_VERSION, some)
    forget_payloads(connection)
    connection.execute(
        text("update image_fingerprints set payload = :payload where pixels_sha256 = :pixels"),
        {"payload": sealed.seal(whole[some[0]]), "pixels": some[0]},
    )
    heads = pictures.heads(connection, match.ALGORITHM_VERSION, some, 100)
    assert heads == {pixels: payload[:100] for pixels, payload in whole.items()}
    connection.execute(text("update image_fingerprints set payload = 'another'"))
    assert pictures.heads(connection, match.ALGORITHM_VERSION, some, 100) == heads


def test_what_is_not_worth_a_look_is_not_read_whole(
    connection: Connection, crowd: list[Shown]
) -> None:
    """A sixth of a payload says that a candidate's words lie elsewhere."""
    read: dict[bool, set[bytes]] = {False: set(), True: set()}

    def remember(*told: Any) -> None:
        if "What pictures are compared by" in told[2]:
            is_whole = told[3]["most"] is None
            read[is_whole].update(missing(told[3]))

    *others, last = crowd
    arrive(connection, others)
    forget_payloads(connection)
    event.listen(connection, "before_cursor_execute", remember)
    arrive(connection, [last])
    own = {synthetic.pixels(last.number)}
    assert read[True] >= own
    assert read[False].isdisjoint(own)
    assert len(read[True] - own) < len(read[False])


def forget_payloads(connection: Connection) -> None:
    """Let all that is held of payloads be older than others that nobody asks for."""
    others = {(0, str(number).encode()): b"" for number in range(5_000)}
    held.payloads(connection).keep(others)
    held.heads(connection).keep(others)


def test_marks_are_kept_once_somebody_reads_them(
    connection: Connection,
    crowd: list[Shown],
) -> None:
    """A small society has none; with the first picture beyond the reach there are all at once."""

    def marked() -> int:
        return connection.execute(
            text("select count(distinct picture) from image_marks")
        ).scalar_one()

    order = sorted(crowd, key=lambda each: (each.created_at, each.id))
    arrive(connection, order[:6])
    assert marked() == 0
    arrive(connection, order[6:7])
    assert marked() == 7
    connection.execute(text("delete from payment_submissions where id = :id"), {"id": order[6].id})
    matching.settle(connection, reach=NARROW)
    assert marked() == 6
