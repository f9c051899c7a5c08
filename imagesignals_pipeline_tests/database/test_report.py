"""The report: complete, bounded, harmless, and gone when it is old."""

import io
import os
import re
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from sqlalchemy import Connection, text

from imagesignals_pipeline import match, store
from imagesignals_pipeline.model import Outcome, Submission
from imagesignals_pipeline.review import groups, report, words
from imagesignals_pipeline.store import Decided, Decision
from imagesignals_pipeline_tests.database.society import ANALYSED_AT, picture, rows, submit
from imagesignals_pipeline_tests.few import receipt

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=alert(1)>\"'`{{7*7}}"


@cache
def payload() -> bytes:
    """Return what is stored of a real receipt."""
    return match.fingerprint(Image.open(io.BytesIO(receipt())).convert("RGB"))


def copied(
    connection: Connection, day: float, flat_id: str = "F-101", *, days_later: float = 1
) -> tuple[Submission, ...]:
    """Submit a picture and, a day later, the same file again."""
    days = (day, day + days_later)
    both = tuple(submit(connection, each, flat_id=flat_id) for each in days)
    shown = picture(f"picture of day {day}")
    shown = replace(shown, fingerprint=replace(shown.fingerprint, payload=payload()))
    store.save(connection, [Outcome(each, shown) for each in both], ANALYSED_AT)
    store.link(connection, [each.id for each in both])
    return both


def decide(connection: Connection, original: Submission, copy: Submission, note: str = "") -> None:
    """Record that somebody wants to ask about a copy."""
    group = groups.group(connection, original.id)
    assert group
    files = (group.copies[0].content_sha256, group.original.content_sha256)
    decided = Decided(uuid4(), copy.id, original.id, *files, Decision.FOLLOW_UP, "Asha Rao", note)
    store.record(connection, decided)


class Tags(HTMLParser):
    """Collects the elements of a document, and the attributes that could load or run something."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.active: list[tuple[str, str | None]] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.names.add(tag)
        self.active += [each for each in attrs if each[0] in {"href", "src"} or each[0][:2] == "on"]


def test_a_report_needs_nothing_beside_itself(connection: Connection, tmp_path: Path) -> None:
    """Every picture is in the file, once; what is not in it is another page or a place in it."""
    original, _ = copied(connection, 0)
    made = report.write(connection, tmp_path, NOW, show_pictures=True)
    text = made.first_file.read_text("utf-8")
    assert made.first_file == tmp_path / "2026-03-04T05-06-07Z" / "page-1.html"
    assert (made.files, made.groups, made.copies, made.copies_undecided) == (1, 1, 1, 1)
    links = [value or "" for name, value in Tags(text).active if name in {"href", "src"}]
    assert sum(link.startswith("data:image/svg") for link in links) == 1
    assert sum(link.startswith("data:image/") for link in links) == 3
    assert {link for link in links if link[0] not in "#d"} == set()
    assert f"#p-{original.id}" in links
    assert "A signal is not an accusation" in text
    assert "<td>2025-03</td><td>2</td><td>2</td><td>1 (50 %)</td>" in text
    assert "A look-alike is another payment whose receipt merely resembles" in text
    assert "default-src &#39;none&#39;" in text


def test_only_its_owner_can_read_a_report(connection: Connection, tmp_path: Path) -> None:
    """Receipts are private: folder and files are closed to other users of the machine."""
    made = report.write(connection, tmp_path, NOW, show_pictures=True)
    assert stat.S_IMODE(made.first_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.first_file.parent.stat().st_mode) == 0o700
    assert "No copy was found. 0 screenshots are analysed." in made.first_file.read_text("utf-8")


def test_a_report_is_bounded(connection: Connection, tmp_path: Path) -> None:
    """Of many groups the latest are shown, some in each file, and the files link each other."""
    for day in range(0, 50, 10):
        copied(connection, day, flat_id=f"F-{day}")
    made = report.write(
        connection, tmp_path, NOW, show_pictures=False, most_groups=3, groups_a_file=2
    )
    first, second = (made.first_file.with_name(f"page-{n}.html").read_text("utf-8") for n in (1, 2))
    assert (made.files, made.groups, made.groups_shown) == (2, 5, 3)
    assert [flat in first for flat in ("F-10<", "F-20<", "F-30<", "F-40<")] == [0, 1, 1, 0]
    assert "F-40<" in second
    assert first.count('href="page-2.html">Page 2</a>') == 2
    assert "Page 1 of 2. These filters work on this page only" in first
    assert "the 3 with the latest copies are in this report" in second


def test_an_old_receipt_sent_again_is_among_the_latest(
    connection: Connection, tmp_path: Path
) -> None:
    """A group is as late as its last copy; groups are shown in the order of their originals."""
    for day, flat_id in ((600, "F-1"), (610, "F-2"), (620, "F-3")):
        copied(connection, day, flat_id)
    copied(connection, 0, "F-old", days_later=700)
    made = report.write(connection, tmp_path, NOW, show_pictures=False, most_groups=2)
    assert (made.groups, made.groups_shown) == (4, 2)
    assert [each.original.flat_id for each in made.latest] == ["F-old", "F-3"]
    text = made.first_file.read_text("utf-8")
    assert [f"{flat_id}<" in text for flat_id in ("F-old", "F-1", "F-2", "F-3")] == [1, 0, 0, 1]


def test_no_picture_is_written_when_none_may_be(connection: Connection, tmp_path: Path) -> None:
    """Without pictures a report still says which submissions, and why."""
    copied(connection, 0)
    made = report.write(connection, tmp_path, NOW, show_pictures=False)
    text = made.first_file.read_text("utf-8")
    assert "data:image/jpeg" not in text
    assert "data:image/webp" not in text
    assert "Same file as the same flat" in text


def test_a_report_has_the_times_of_its_readers(connection: Connection, tmp_path: Path) -> None:
    """Whoever compares a caption with the receipt reads the same clock."""
    copied(connection, 0.8)
    zone = ZoneInfo("Asia/Kolkata")
    made = report.write(connection, tmp_path, NOW, show_pictures=True, zone=zone)
    text = made.first_file.read_text("utf-8")
    assert made.first_file.parent.name == "2026-03-04T05-06-07Z"
    assert "4 March 2026, 10:36 IST" in text
    assert "2 March 2025, 00:42 IST" in text
    assert "Times are in Asia/Kolkata;" in text


def test_files_sort_as_they_follow_each_other(connection: Connection, tmp_path: Path) -> None:
    """Ten files are named by two digits: the tenth does not come after the first."""
    for day in range(0, 100, 10):
        copied(connection, day)
    made = report.write(connection, tmp_path, NOW, show_pictures=False, groups_a_file=1)
    names = sorted(each.name for each in made.first_file.parent.iterdir())
    assert names == [f"page-{number:02}.html" for number in range(1, 11)]
    assert made.first_file.name == names[0]
    assert 'href="page-10.html">Page 10</a>' in made.first_file.read_text("utf-8")


def test_what_differs_in_one_place_is_listed_at_the_end(
    connection: Connection, tmp_path: Path
) -> None:
    """It is no duplicate and in no group; the last file says who, when and what."""
    for day in (0, 10):
        copied(connection, day)
    other = submit(connection, 20, flat_id="F-303")
    store.save(connection, [Outcome(other, picture("other"))], ANALYSED_AT)
    assert "except in one place" not in written(connection, tmp_path)[-1]
    connection.execute(
        text(
            "update payment_image_signals set similarity_explanation = 'No duplicate: <b>.'"
            " where payment_submission_id = :id"
        ),
        {"id": other.id},
    )
    first, last = written(connection, tmp_path)
    assert 'href="page-2.html#altered">1 other agrees with an earlier one except in' in first
    assert "F-303" not in first
    row = re.search(r"<td><bdi[^>]*>F-303</bdi></td><td>(.*?)</td><td>(.*?)</td>", last)
    assert row
    assert row.groups() == ("21 March 2025, 00:00 UTC", "No duplicate: &lt;b&gt;.")


def test_of_very_many_that_differ_in_one_place_the_latest_are_listed(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report says how many there are in all."""
    made = [submit(connection, day, flat_id=f"F-{day}") for day in range(3)]
    store.save(connection, [Outcome(each, picture(str(each.id))) for each in made], ANALYSED_AT)
    connection.execute(
        text("update payment_image_signals set similarity_explanation = 'No duplicate: so.'")
    )
    monkeypatch.setattr(report, "MOST_ALTERED", 2)
    (page,) = written(connection, tmp_path)
    assert "3 others agree with an earlier one except in one place" in page
    assert "These are the latest 2 of 3." in page
    assert [f"F-{day}<" in page for day in range(3)] == [False, True, True]


def test_a_printed_page_says_what_it_leaves_out(connection: Connection, tmp_path: Path) -> None:
    """On paper there are no filters and no links to the other pages."""
    for day in (0, 10):
        copied(connection, day)
    first, _ = written(connection, tmp_path)
    assert '<p class="printed">Page 1 of 2 of the report. <span class="chosen">Only the' in first


def written(connection: Connection, folder: Path) -> list[str]:
    """Write a report of one group a file, and return its files."""
    made = report.write(connection, folder, NOW, show_pictures=False, groups_a_file=1)
    return [each.read_text("utf-8") for each in sorted(made.first_file.parent.iterdir())]


def test_what_is_counted_twice_has_two_tables(connection: Connection, tmp_path: Path) -> None:
    """The numbers of one table add up to all copies."""
    original, copy = copied(connection, 0)
    copied(connection, 10)
    decide(connection, original, copy)
    text = report.write(connection, tmp_path, NOW, show_pictures=True).first_file.read_text("utf-8")
    tables = re.findall(r"<table><caption>(Copies by \w+)</caption>(.*?)</table>", text, re.DOTALL)
    counted = {name: re.findall(r"<td>(\d+)</td>", table) for name, table in tables}
    assert counted == {"Copies by likeness": ["2"], "Copies by decision": ["1", "1"]}


def test_one_stored_file_is_told_from_two_with_the_same_bytes(
    connection: Connection, tmp_path: Path
) -> None:
    """A form that was sent twice names one file; an old receipt is stored once more."""
    copied(connection, 0)
    original, *_ = copied(connection, 10)
    elsewhere = (
        "update payment_submissions set screenshot_url = 'https://store.test/b' where id = :i"
    )
    connection.execute(text(elsewhere), {"i": original.id})
    one, two = written(connection, tmp_path)
    assert words.SAME_ADDRESS in one
    assert words.SAME_ADDRESS not in two


def test_a_picture_of_many_flats_is_shown_with_a_caution(
    connection: Connection, tmp_path: Path
) -> None:
    """A host's "not found" picture makes copies of all who got it; one flat's own copies do not."""
    copied(connection, 0)
    copied(connection, 20, "")
    rare = "".join(written(connection, tmp_path))
    for number in range(2, 5):
        copied(connection, 0, f"F-{number}")
    common, _ = written(connection, tmp_path)
    assert "flats submitted this picture" not in rare
    assert words.shared_by_many(4) in common


SIGNED = "https://x.supabase.co/storage/v1/object/sign/bucket"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (f"{SIGNED}/a.png?token=1", f"{SIGNED}/a.png?token=2", True),
        (f"{SIGNED}/a.png?token=1", f"{SIGNED}/b.png?token=1", False),
        ("https://store.test/show?id=1", "https://store.test/show?id=1", True),
        ("https://store.test/show?id=1", "https://store.test/show?id=2", False),
    ],
)
def test_signed_links_to_one_file_name_one_address(
    connection: Connection, one: str, other: str, *, same: bool
) -> None:
    """Their tokens differ; what follows a question mark elsewhere may be what names the file."""
    both = [submit(connection, day, url=url) for day, url in enumerate((one, other))]
    store.save(connection, [Outcome(each, picture("a")) for each in both], ANALYSED_AT)
    store.link(connection, [each.id for each in both])
    group = groups.group(connection, both[0].id)
    assert group
    assert [each.same_address for each in group.copies] == [same]


def test_what_strangers_wrote_is_text(connection: Connection, tmp_path: Path) -> None:
    """Markup in a flat's label or a note is shown, and does nothing."""
    original, copy = copied(connection, 0, flat_id=HOSTILE[:60])
    decide(connection, original, copy, HOSTILE)
    text = report.write(connection, tmp_path, NOW, show_pictures=True).first_file.read_text("utf-8")
    tags = Tags(text)
    assert "script" not in tags.names
    assert [name for name, _ in tags.active if name.startswith("on")] == []
    assert "&lt;script&gt;document.title" in text
    assert "{{7*7}}" in text


def test_a_decision_shows_in_the_next_report(connection: Connection, tmp_path: Path) -> None:
    """It survives that the pictures are analysed and linked anew, and changes no signal."""
    original, copy = copied(connection, 0)
    before = rows(connection)[copy.id]
    decide(connection, original, copy, "Called on Monday.")
    store.save(
        connection, [Outcome(copy, replace(picture("other")))], ANALYSED_AT + timedelta(days=1)
    )
    store.link(connection, [copy.id])
    assert report.write(connection, tmp_path, NOW, show_pictures=True).groups == 0
    shown = picture("picture of day 0")
    store.save(connection, [Outcome(copy, shown)], ANALYSED_AT)
    store.link(connection, [copy.id])
    made = report.write(connection, tmp_path, NOW, show_pictures=True)
    text = made.first_file.read_text("utf-8")
    assert made.copies_undecided == 0
    assert [each in text for each in ("To be asked about", "Asha Rao", "Called on Monday.")] == [
        True
    ] * 3
    after = rows(connection)[copy.id]
    unlike = {name for name in after if before[name] != after[name]}
    assert unlike <= {"updated_at", "analyzed_at"}


def test_old_reports_are_removed_and_nothing_else(connection: Connection, tmp_path: Path) -> None:
    """What is older than the given days goes; other files, folders and links stay."""
    kept = tmp_path / "treasurer's notes"
    kept.mkdir()
    elsewhere = tmp_path / "2020-01-01T00-00-00Z"
    elsewhere.symlink_to(kept)
    (tmp_path / "2020-02-30T00-00-00Z").mkdir()
    for days in (0, 29, 31):
        report.write(connection, tmp_path, NOW - timedelta(days=days), show_pictures=True)
    assert report.expire(tmp_path, NOW, days=30) == (1, [])
    assert {each.name for each in tmp_path.iterdir()} == {
        *(kept.name, elsewhere.name, "2020-02-30T00-00-00Z"),
        *("2026-03-04T05-06-07Z", "2026-02-03T05-06-07Z"),
    }
    assert report.expire(tmp_path / "never made", NOW, days=30) == (0, [])


def test_what_a_killed_report_left_is_removed(tmp_path: Path) -> None:
    """Pictures of residents do not stay for ever because nobody finished the report."""
    ages = {".new-old": timedelta(days=2), ".new-under-way": timedelta(hours=1)}
    for name, age in ages.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "page-1.html").write_text("pictures")
        written = (NOW - age).timestamp()
        os.utime(tmp_path / name, (written, written))
    assert report.expire(tmp_path, NOW, days=400) == (1, [])
    assert [each.name for each in tmp_path.iterdir()] == [".new-under-way"]


def test_a_report_of_the_same_second_is_replaced(connection: Connection, tmp_path: Path) -> None:
    """The second of two is whole, and no half-written folder is left."""
    report.write(connection, tmp_path, NOW, show_pictures=True)
    copied(connection, 0)
    report.write(connection, tmp_path, NOW, show_pictures=True)
    assert [each.name for each in tmp_path.iterdir()] == ["2026-03-04T05-06-07Z"]
    assert "1 copy in all" in (tmp_path / "2026-03-04T05-06-07Z/page-1.html").read_text("utf-8")


def test_an_unusable_folder_is_told_in_one_line(connection: Connection, tmp_path: Path) -> None:
    """Whoever set the folder reads what to correct."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(report.ReportUnwritableError, match="IMAGESIGNALS_REPORTS"):
        report.write(connection, tmp_path / "file" / "reports", NOW, show_pictures=True)
