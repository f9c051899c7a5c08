"""What reviewers decide outlives every run, and changes nothing that the pipeline says."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from imagesignals_pipeline import store, verify
from imagesignals_pipeline.model import Outcome, Submission
from imagesignals_pipeline.review import groups
from imagesignals_pipeline.review.filters import Filters, Place, Tier, read_filters, read_place
from imagesignals_pipeline.review.groups import Member
from imagesignals_pipeline.store import Decided, Decision, DecisionRefusedError
from imagesignals_pipeline_tests.database.society import (
    ANALYSED_AT,
    match,
    picture,
    show_other,
    submit,
)

Show = Callable[..., Submission]


@pytest.fixture
def show(connection: Connection) -> Show:
    """Submit a picture some days after the first of March 2025, and settle the links."""

    def submitted(name: str, day: float, flat_id: str = "F-101", pixels: str = "") -> Submission:
        made = submit(connection, day, flat_id=flat_id)
        save(connection, made, name, pixels)
        return made

    return submitted


def save(connection: Connection, submission: Submission, name: str, pixels: str = "") -> None:
    """Save what a submission shows, now, and settle the links."""
    store.save(connection, [Outcome(submission, picture(name, pixels=pixels))], ANALYSED_AT)
    store.link(connection)


def decide(  # noqa: PLR0913 - as many as a form has fields
    connection: Connection,
    copy: Submission,
    original: Submission,
    decision: Decision = Decision.SAME_PAYMENT,
    *,
    reviewer: str = "Asha",
    note: str = "",
    request_id: UUID | None = None,
) -> None:
    """Record a decision about the files that the two show now."""
    seen, beside = digests(connection, copy, original)
    decided = Decided(
        request_id or uuid4(), copy.id, original.id, seen, beside, decision, reviewer, note
    )
    store.record(connection, decided)


def digests(connection: Connection, *submissions: Submission) -> list[bytes]:
    """Return the digests of the files that submissions show."""
    shows = text("select content_sha256 from image_fingerprints where payment_submission_id = :id")
    return [
        bytes(connection.execute(shows, {"id": each.id}).scalar_one_or_none() or b"")
        for each in submissions
    ]


def shown(connection: Connection, copy: Submission) -> Member:
    """Return a copy as the page shows it."""
    for group in groups.page(connection, Filters()).groups:
        for member in group.copies:
            if member.id == copy.id:
                return member
    raise AssertionError("it is no copy")


def test_groups_are_told_with_tier_flat_and_order(connection: Connection, show: Show) -> None:
    """The original comes first, its copies in the order of submission, each with its tier."""
    original = show("a", 0)
    same_file = show("a", 40, "F-102")
    resaved = show("a again", 20, pixels="a")
    screenshot = show("b", 30)
    match(connection, "a", "b", 97)
    store.link(connection)
    show("alone", 5)
    (group,) = groups.page(connection, Filters()).groups
    assert group.original.id == original.id
    assert [(each.id, each.tier, each.same_flat) for each in group.copies] == [
        (resaved.id, Tier.SAME_PIXELS, True),
        (screenshot.id, Tier.SAME_PICTURE, True),
        (same_file.id, Tier.SAME_FILE, False),
    ]
    assert group.copies[1].percentage == 97
    counts = groups.counts(connection)
    assert counts.copies == 3
    assert counts.tiers == {"same_file": 1, "same_pixels": 1, "same_picture": 1}
    assert counts.months == {"2025-03": 2, "2025-04": 1}
    assert counts.flats == {"same": 2, "other": 1}


def test_a_row_of_another_program_is_told_as_such(connection: Connection, show: Show) -> None:
    """What we have not compared is not shown as if we had."""
    original, copy = show("a", 0), show("a", 1)
    connection.execute(
        text(
            "update payment_image_signals set written_by_pipeline = false"
            " where payment_submission_id = :id"
        ),
        {"id": copy.id},
    )
    assert shown(connection, copy).tier is Tier.UNCHECKED
    assert groups.group(connection, original.id) is not None


def test_filters_leave_groups_with_such_a_copy(connection: Connection, show: Show) -> None:
    """Every filter is about one and the same copy."""
    show("a", 0)
    show("a", 40, "F-102")
    second = show("b", 1)
    show("b again", 2, pixels="b")
    third = show("c", 3)
    copy = show("c", 4)
    decide(connection, copy, third, Decision.FOLLOW_UP)

    def found(**words: str) -> list[UUID]:
        page = groups.page(connection, read_filters(words))
        assert page.total == len(page.groups)
        return [each.original.id for each in page.groups]

    assert len(found()) == 3
    assert found(tier="same_pixels") == [second.id]
    assert len(found(month="2025-04")) == 1
    assert found(month="2025-03") == [second.id, third.id]
    assert found(flat="same") == [second.id, third.id]
    assert found(flat="other", tier="same_pixels") == []
    assert found(decision="follow_up") == [third.id]
    assert third.id not in found(decision="undecided")


def test_pages_follow_each_other_whatever_is_decided_between(
    connection: Connection, show: Show
) -> None:
    """Going forwards or backwards leaves no group out, also when one leaves the list."""
    originals = [show(f"{n}", n) for n in range(7)]
    copies = [show(f"{n}", 50 + n) for n in range(7)]
    undecided = read_filters({"decision": "undecided"})
    first = groups.page(connection, undecided, page_size=3)
    assert (first.first, first.last, first.total, first.previous) == (1, 3, 7, None)
    decide(connection, copies[0], originals[0])
    assert first.next is not None
    again = read_place(first.next.words())
    assert again == first.next
    second = groups.page(connection, undecided, again, page_size=3)
    assert [each.original.id for each in second.groups] == [each.id for each in originals[3:6]]
    assert second.previous is not None
    back = groups.page(connection, undecided, read_place(second.previous.words()), page_size=3)
    assert [each.original.id for each in back.groups] == [each.id for each in originals[1:4]]
    last = groups.page(connection, undecided, Place("last"), page_size=3)
    assert (last.last, last.total, last.next) == (6, 6, None)
    beyond = groups.page(connection, undecided, last.groups[-1].place, page_size=3)
    assert (beyond.groups, beyond.first, beyond.total) == ((), 0, 6)


def test_a_decision_changes_no_signal(connection: Connection, show: Show) -> None:
    """The tables of the live application are a function of the pictures alone."""
    original, copy = show("a", 0), show("a", 1)
    before = verify.digest(connection)
    decide(connection, copy, original, Decision.NOT_DUPLICATE, note="Two flats, one payment.")
    store.link(connection)
    assert verify.digest(connection) == before
    (judgement,) = shown(connection, copy).judgements
    assert (judgement.decision, judgement.reviewer) == ("not_duplicate", "Asha")
    assert judgement.note == "Two flats, one payment."
    assert judgement.stands
    assert judgement.against_this_original


def test_it_survives_analysing_again(connection: Connection, show: Show) -> None:
    """Rows that are deleted and written anew show the decision again."""
    original, copy = show("a", 0), show("a", 1)
    decide(connection, copy, original)
    for table in ("payment_image_signals", "image_fingerprints", "image_matches"):
        connection.execute(text(f"delete from {table}"))
    assert groups.page(connection, Filters()).total == 0
    save(connection, original, "a")
    save(connection, copy, "a")
    assert shown(connection, copy).decision == "same_payment"


def test_it_survives_a_new_original(connection: Connection, show: Show) -> None:
    """A still older submission of the picture leaves it standing, and says beside whom it was."""
    original, copy = show("a", 10), show("a", 20)
    decide(connection, copy, original)
    show("a", 0)
    (judgement,) = shown(connection, copy).judgements
    assert judgement.stands
    assert not judgement.against_this_original
    assert shown(connection, original).decision == "undecided"


@pytest.mark.parametrize(("shows", "stands"), [("a", True), ("b", False)])
def test_that_two_are_different_says_nothing_of_a_third(
    connection: Connection, show: Show, shows: str, *, stands: bool
) -> None:
    """A still older submission has been compared with nothing, unless it shows the file judged."""
    original, copy = show("a", 10), show("b", 20)
    match(connection, "a", "b", 97)
    store.link(connection)
    decide(connection, copy, original, Decision.NOT_DUPLICATE)
    first = show(shows, 0)
    group = groups.group(connection, first.id)
    assert group
    (member,) = (each for each in group.copies if each.id == copy.id)
    assert [each.stands for each in member.judgements] == [stands]
    counted = groups.counts(connection).decisions
    assert counted == ({"not_duplicate": 1, "undecided": 1} if stands else {"undecided": 2})
    listed = groups.page(connection, read_filters({"decision": "not_duplicate"}))
    assert listed.total == int(stands)


def test_a_replaced_screenshot_is_not_judged(connection: Connection, show: Show) -> None:
    """What stands beside the other is the picture of before: the payment shows another one now."""
    original, copy = show("a", 0), show("a", 1)
    assert shown(connection, copy).is_current
    for other in (copy, original):
        with connection.begin_nested() as before:
            show_other(connection, other)
            group = groups.group(connection, original.id)
            assert group
            changed = {each.id for each in (group.original, *group.copies) if not each.is_current}
            assert changed == {other.id}
            with pytest.raises(DecisionRefusedError, match="one of the pictures was replaced"):
                decide(connection, copy, original)
            before.rollback()
    decide(connection, copy, original)


def test_no_flat_is_nobodys(connection: Connection, show: Show) -> None:
    """Two submissions without a flat are not of the same one."""
    show("a", 0, " ")
    copy = show("a", 1, " ")
    assert not shown(connection, copy).same_flat
    assert groups.counts(connection).flats == {"other": 1}
    assert groups.page(connection, read_filters({"flat": "same"})).total == 0


def test_another_picture_ends_it(connection: Connection, show: Show) -> None:
    """What was decided about one file says nothing of another one; it stays in the history."""
    original, copy = show("a", 0), show("a again", 1, pixels="a")
    decide(connection, copy, original)
    save(connection, copy, "a third time", pixels="a")
    member = shown(connection, copy)
    assert member.decision == "undecided"
    assert [each.stands for each in member.judgements] == [False]
    assert groups.page(connection, read_filters({"decision": "undecided"})).total == 1
    save(connection, copy, "a again", pixels="a")
    assert shown(connection, copy).decision == "same_payment"


def test_the_latest_counts_and_all_are_kept(connection: Connection, show: Show) -> None:
    """Minds change; the history does not."""
    original, copy = show("a", 0), show("a", 1)
    decide(connection, copy, original, Decision.FOLLOW_UP)
    decide(connection, copy, original, Decision.SAME_PAYMENT, reviewer="Ravi")
    member = shown(connection, copy)
    assert [each.decision for each in member.judgements] == ["follow_up", "same_payment"]
    assert member.decision == "same_payment"
    assert groups.counts(connection).decisions == {"same_payment": 1}
    with pytest.raises(DBAPIError, match="only grows"), connection.begin_nested():
        connection.execute(text("update image_review_decisions set note = 'rewritten'"))


def test_a_form_sent_twice_counts_once(connection: Connection, show: Show) -> None:
    """Pressing the button again records nothing more, and is no error."""
    original, copy = show("a", 0), show("a", 1)
    request_id = uuid4()
    for _ in range(2):
        decide(connection, copy, original, request_id=request_id)
    assert len(shown(connection, copy).judgements) == 1


def test_a_form_that_comes_again_with_another_decision(connection: Connection, show: Show) -> None:
    """A page that a browser kept is not taken for the same form: nobody believes it recorded."""
    original, copy = show("a", 0), show("a", 1)
    request_id = uuid4()
    decide(connection, copy, original, request_id=request_id)
    for decision, note in ((Decision.FOLLOW_UP, ""), (Decision.SAME_PAYMENT, "On second thought")):
        with pytest.raises(DecisionRefusedError, match="another decision was sent with this form"):
            decide(connection, copy, original, decision, note=note, request_id=request_id)
    assert len(shown(connection, copy).judgements) == 1


def test_what_is_no_copy_cannot_be_judged(connection: Connection, show: Show) -> None:
    """Whoever saw an older state is told, and nothing is recorded."""
    original, copy, stranger = show("a", 0), show("a", 1), show("b", 2)
    for one, other in ((stranger, original), (original, copy), (copy, stranger)):
        with pytest.raises(DecisionRefusedError, match="no copy of that original any more"):
            decide(connection, one, other)
    assert shown(connection, copy).judgements == ()


@pytest.mark.parametrize(
    ("reviewer", "note"),
    [("", ""), (" \t\u0000", ""), ("A" * 81, ""), ("Asha", "n" * 2001)],
)
def test_a_decision_needs_a_name_of_bounded_length(
    connection: Connection, show: Show, reviewer: str, note: str
) -> None:
    """A decision by nobody, or of any length, is refused with a sentence for the reviewer."""
    original, copy = show("a", 0), show("a", 1)
    with pytest.raises(DecisionRefusedError, match=r"Please enter your name|please shorten it"):
        decide(connection, copy, original, reviewer=reviewer, note=note)


def test_any_script_and_no_control_characters(connection: Connection, show: Show) -> None:
    """Names and notes keep their script, with its joiners; what PostgreSQL refuses is left out."""
    original, copy = show("a", 0), show("a", 1)
    decide(connection, copy, original, reviewer="क्\u200dष  शर्मा\n", note="one\r\ntwo\u0000\ud800")
    (judgement,) = shown(connection, copy).judgements
    assert judgement.reviewer == "क्\u200dष शर्मा"
    assert judgement.note == "one\ntwo"


def test_a_deleted_payment_takes_its_decisions_along(connection: Connection, show: Show) -> None:
    """Nothing is kept of whom the live application forgets; of its original nothing is needed."""
    original, copy = show("a", 0), show("a", 1)
    decide(connection, copy, original)
    delete = text("delete from payment_submissions where id = :id")
    connection.execute(delete, {"id": original.id})
    count = text("select count(*) from image_review_decisions")
    assert connection.execute(count).scalar_one() == 1
    connection.execute(delete, {"id": copy.id})
    assert connection.execute(count).scalar_one() == 0
