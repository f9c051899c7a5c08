"""A committee member reviews copies in a real browser, by keyboard, and the backfill runs again."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen

import pytest
from sqlalchemy import text
from websockets.sync.client import ClientConnection

from imagesignals_pipeline import settings
from imagesignals_pipeline.demo import DemoStore, Kind
from imagesignals_pipeline.review import report
from imagesignals_pipeline_tests.database import test_report
from imagesignals_pipeline_tests.few import FEW, NOVEMBER, OCTOBER, copied, insert
from imagesignals_pipeline_tests.story.conftest import Operator
from imagesignals_pipeline_tests.story.reader import Reader

SUBMISSIONS = (*FEW[:2], *copied(Kind.RECOMPRESSED, OCTOBER, NOVEMBER))
SAME_FILE = f"a[href^='/group/{FEW[0].id}']"
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
FORGET = (
    "truncate payment_image_signals, image_fingerprints, image_matches, image_pictures,"
    " image_marks, image_rechecks, image_perceptual_hash_index"
)


@pytest.fixture
def member(tab: ClientConnection) -> Reader:
    """A committee member at a browser."""
    return Reader(tab)


@pytest.fixture
def reviewed(operator: Operator, tmp_path: Path) -> Iterator[Operator]:
    """The operator of a society with a copied file and a recompressed copy, after a backfill."""
    with DemoStore(tmp_path / "store", submissions=SUBMISSIONS, port=0) as store:
        environ = {**operator.environ, settings.STORAGE_URL: store.base_url}
        operator = replace(operator, environ=environ)
        with operator.engine.begin() as connection:
            insert(connection, SUBMISSIONS, store.base_url)
        backfill(operator)
        yield operator


def backfill(operator: Operator) -> None:
    """Run the whole backfill."""
    said = operator.runs("backfill", "--batch-delay", "0")
    assert said.status == 0, said.err


def address(process: "Popen[str]") -> str:
    """Return where the page is, as its operator reads it."""
    assert process.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
    assert found, process.communicate()
    return found[0]


def test_a_decision_by_keyboard_survives_a_new_backfill(member: Reader, reviewed: Operator) -> None:
    """Filter, open a group, decide, analyse everything anew: the decision is still shown."""
    with reviewed.starts("review", "--port", "0") as process:
        home = address(process)
        member.opens(home)
        assert "A signal is not an accusation" in member.reads()
        assert member.finds("document.querySelectorAll('li.group').length") == 2
        filter_by_same_file(member)
        open_group_and_decide(member)
        with reviewed.engine.begin() as connection:
            connection.execute(text(FORGET))
        backfill(reviewed)
        member.opens(f"{home}/?decision=follow_up")
        member.waits_for("document.querySelectorAll('li.group').length === 1")
        assert "To be asked about" in member.finds("document.querySelector('li.group').innerText")
    with reviewed.engine.connect() as connection:
        marked = connection.execute(
            text("select payment_submission_id from payment_image_signals where duplicate_detected")
        )
        assert set(marked.scalars()) == {each.id for each in SUBMISSIONS if each.copy_of}


def filter_by_same_file(member: Reader) -> None:
    """Choose the tier in the filter and press the button."""
    member.tabs_to("#tier")
    chosen = "document.querySelector('#tier').value === 'same_file'"
    while not member.finds(chosen):
        member.presses("ArrowDown")
        assert member.finds("document.querySelector('#tier').value") != ""
    member.tabs_to("form.filters button")
    member.presses("Enter")
    member.waits_for("location.search.includes('tier=same_file')")
    member.waits_for(f"document.querySelector({SAME_FILE!r})")
    assert member.finds("document.querySelectorAll('li.group').length") == 1


def open_group_and_decide(member: Reader) -> None:
    """Open the group, look at both pictures, choose, sign and send."""
    member.tabs_to(SAME_FILE)
    member.presses("Enter")
    member.waits_for("document.querySelector('form.decide')")
    shown = (
        "[...document.querySelectorAll('.pair svg')].map(each => each.getAttribute('aria-label'))"
    )
    assert [label.split(":")[0] for label in member.finds(shown)] == [
        "Submitted first",
        "Submitted again",
    ]
    member.tabs_to("input[name=verdict]")
    while not member.finds("document.querySelector('input[value=follow_up]').checked"):
        member.presses("ArrowDown")
    member.tabs_to("input[name=reviewer]")
    member.types("Asha Rao")
    member.tabs_to("textarea[name=note]")
    member.types("Called on Monday.")
    member.tabs_to("form.decide button")
    member.presses("Enter")
    member.waits_for("document.querySelector('.saved')")
    assert "Recorded: To be asked about" in member.reads()
    assert "Called on Monday." in member.reads()


def test_the_filters_of_a_report_say_when_nothing_is_left(
    member: Reader, reviewed: Operator, tmp_path: Path
) -> None:
    """Whatever is chosen, the line is there when no group is, and only then; on a phone as well."""
    later = text("update payment_submissions set created_at = '2025-12-05' where id = :id")
    with reviewed.engine.begin() as connection:
        connection.execute(later, {"id": SUBMISSIONS[-1].id})
        made = report.write(connection, tmp_path, datetime.now(UTC), show_pictures=False)
    member.opens(f"file://{made.first_file}")
    member.waits_for("document.querySelector('.none')")
    member.narrows(320)
    assert int(member.finds("document.documentElement.scrollWidth")) == 320
    choices = range(int(member.finds("document.querySelector('#month').length")))
    seen = [groups_and_line(member, tier, month) for tier in range(3) for month in choices]
    assert {line is (count == 0) for count, line in seen} == {True}
    assert {count for count, _ in seen} == {0, 1, 2}


def groups_and_line(member: Reader, tier: int, month: int) -> tuple[int, bool]:
    """Choose in two filters, and return how many groups are shown, and whether the line is."""
    member.finds(f"document.querySelector('#tier').selectedIndex = {tier}")
    member.finds(f"document.querySelector('#month').selectedIndex = {month}")
    shown = "[...document.querySelectorAll('.group')].filter(each => each.checkVisibility()).length"
    return (
        int(member.finds(shown)),
        bool(member.finds("document.querySelector('.none').checkVisibility()")),
    )


def test_no_heading_is_printed_without_its_pictures(
    member: Reader, operator: Operator, tmp_path: Path
) -> None:
    """A sheet never ends with the heading of a group whose pictures are on the next one."""
    with operator.engine.begin() as connection:
        for day in (0, 10, 20):
            test_report.copied(connection, day)
        made = report.write(connection, tmp_path, datetime.now(UTC), show_pictures=True)
    member.opens(f"file://{made.first_file}")
    member.waits_for("document.querySelector('.group')")
    sheets = member.prints()
    assert "F-101" in "".join(sheets)
    assert [each.splitlines()[-1] for each in sheets if each.endswith("and 1 copy")] == []


def test_markup_in_a_label_does_nothing(member: Reader, done: Operator) -> None:
    """A flat's label that is a page of its own is shown as text, in the list and in the group."""
    with done.engine.begin() as connection:
        connection.execute(
            text("update payment_submissions set flat_id = :label"), {"label": HOSTILE}
        )
    with done.starts("review", "--port", "0") as process:
        home = address(process)
        for page in (home, f"{home}/group/{FEW[0].id}"):
            member.opens(page)
            assert "<img src=x onerror" in member.reads()
            assert not str(member.finds("document.title")).startswith("owned")
            assert member.finds("document.querySelectorAll('script, [onerror]').length") == 0
