"""The served page: what it shows of strangers' text, and whom it answers."""

import re
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
import requests
from sqlalchemy import Engine, text

from imagesignals_pipeline import database, store
from imagesignals_pipeline.match import fingerprint
from imagesignals_pipeline.model import Analysis, Outcome
from imagesignals_pipeline.review import server
from imagesignals_pipeline.review.server import Desk, PortTakenError
from imagesignals_pipeline_tests.core.test_match_pictures import receipt
from imagesignals_pipeline_tests.database.society import ANALYSED_AT, NOT_FOUND, picture, submit

HOSTILE = "{{ 7*7 }}\"'><script>alert(1)</script><img src=x onerror=alert(1)></style>"
TIMEOUT_S = 30
PAYLOAD = fingerprint(receipt(1))


@dataclass
class Served:
    """A page that is being served, and how a browser would ask for it."""

    port: int
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def origin(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str = "/", **headers: str) -> requests.Response:
        """Ask for an address."""
        return self.session.get(self.origin + path, headers=headers, timeout=TIMEOUT_S)

    def post(self, path: str, form: dict[str, str], **headers: str) -> requests.Response:
        """Send a form as the page itself does."""
        own = {"Origin": self.origin, **headers}
        return self.session.post(
            self.origin + path, form, headers=own, timeout=TIMEOUT_S, allow_redirects=False
        )


def two(engine: Engine, flat_id: str = "F-101") -> tuple[UUID, UUID]:
    """Store an original and a copy of the same file."""
    with engine.begin() as connection:
        made = [submit(connection, day, flat_id=flat_id) for day in (0, 40)]
        drawn = picture("a")
        real = Analysis(
            drawn.signals,
            type(drawn.fingerprint)(
                drawn.fingerprint.content_sha256, drawn.fingerprint.pixels_sha256, PAYLOAD, 2
            ),
        )
        store.save(connection, [Outcome(each, real) for each in made], ANALYSED_AT)
        store.link(connection)
    return made[0].id, made[1].id


@pytest.fixture
def desk(engine: Engine) -> Desk:
    """What the page works with."""
    return Desk(engine, database.explain)


@contextmanager
def serving(desk: Desk) -> Generator[Served]:
    """Serve the page as the command does."""
    with server.listen(0) as listening:
        web = server.web_server(desk, listening)
        thread = threading.Thread(target=web.run, kwargs={"sockets": [listening]})
        thread.start()
        yield Served(listening.getsockname()[1])
        web.should_exit = True
        thread.join(TIMEOUT_S)
    assert not thread.is_alive()


@pytest.fixture
def served(desk: Desk) -> Iterator[Served]:
    """The page that most tests ask."""
    with serving(desk) as page:
        yield page


class _Tags(HTMLParser):
    """Collects elements and attributes as a browser would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")


def tags(html: str) -> _Tags:
    """Read a document."""
    read = _Tags()
    read.feed(html)
    return read


def form(page: str, **changed: str) -> dict[str, str]:
    """Fill in the first form of a group's page."""
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    return {**hidden, "verdict": "same_payment", "reviewer": "Asha", "note": "", **changed}


def test_markup_of_strangers_is_text(served: Served, engine: Engine) -> None:
    """Flats, reasons, names and notes with markup add no element, script or address."""
    plain, _ = two(engine)
    expected = {path: tags(served.get(path).text) for path in ("/", f"/group/{plain}")}
    with engine.begin() as connection:
        connection.execute(text("delete from payment_submissions"))
    original, copy = two(engine, HOSTILE)
    with engine.begin() as connection:
        connection.execute(
            text(
                "update payment_image_signals set similarity_explanation = :e"
                " where duplicate_detected"
            ),
            {"e": HOSTILE},
        )
    path = f"/group/{original}"
    sent = served.post(path, form(served.get(path).text, reviewer=HOSTILE[:80], note=HOSTILE))
    assert sent.status_code == 303
    for known, now in (("/", "/"), (f"/group/{plain}", path)):
        page = served.get(now)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
        assert "<script" not in page.text
        assert "{{ 7*7 }}" in page.text
        found = tags(page.text)
        assert found.names - expected[known].names <= {"ol", "li", "em"}
        assert not [name for name in found.attributes if name.startswith("on")]
        assert "style" not in found.attributes
        links = found.attributes.get("href", []) + found.attributes.get("src", [])
        assert [each for each in links if not re.match(r"[/#]", each)] == []
    assert str(copy) in served.get(path).text


def test_nothing_can_be_loaded_or_run(served: Served, engine: Engine) -> None:
    """The policy allows our style, our pictures and our form, and nothing else at all."""
    original, copy = two(engine)
    for path in ("/", f"/group/{original}", "/nowhere", "/?tier=none"):
        headers = served.get(path).headers
        policy = dict(
            each.strip().split(" ", 1) for each in headers["Content-Security-Policy"].split(";")
        )
        assert policy["default-src"] == "'none'"
        assert policy["style-src"].startswith("'sha256-")
        assert "script-src" not in policy
        assert (policy["img-src"], policy["form-action"]) == ("'self'", "'self'")
        assert (policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
    shown = served.get(f"/picture/{copy}")
    assert shown.headers["Content-Type"] in {"image/jpeg", "image/webp"}
    assert shown.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert shown.content in PAYLOAD


def test_a_decision_is_recorded_once_and_shown(served: Served, engine: Engine) -> None:
    """The form leads back to the copy, says what was recorded, and remembers the name."""
    original, copy = two(engine)
    path = f"/group/{original}"
    filled = form(served.get(f"{path}?flat=same").text, note="Spoke to them.")
    first, sent = (served.post(path, filled) for _ in range(2))
    assert (first.status_code, sent.status_code) == (303, 303)
    assert sent.headers["Location"] == f"{path}?flat=same&saved={copy}#copy-{copy}"
    page = served.get(sent.headers["Location"]).text
    assert "Recorded: Same payment, sent again." in page
    assert page.count("Spoke to them.") == 1
    assert 'autocomplete="name" value="Asha"' in page
    assert "Same payment, sent again" in served.get("/?decision=same_payment").text


NOT_OURS: list[tuple[dict[str, str], dict[str, str], int]] = [
    ({"Origin": "https://evil.test"}, {}, 403),
    ({"Origin": "null"}, {}, 403),
    ({"Host": "evil.test"}, {}, 421),
    ({}, {"token": ""}, 403),
    ({}, {"token": "é"}, 403),
    ({}, {"verdict": "guilty"}, 400),
    ({}, {"copy_id": "x"}, 400),
    ({}, {"reviewer": " "}, 409),
    ({}, {"copy_id": str(uuid4())}, 409),
    ({}, {"copy_sha256": "x"}, 400),
    ({}, {"copy_sha256": "00" * 32}, 409),
    ({}, {"original_sha256": ""}, 409),
    ({}, {"note": "n" * 40_000}, 413),
]


def test_forms_that_are_not_ours_record_nothing(served: Served, engine: Engine) -> None:
    """Another site's form, a guessed token, a wrong field or too much text changes nothing."""
    original, _ = two(engine)
    path = f"/group/{original}"
    page = served.get(path).text
    answers = [served.post(path, form(page, **changed), **sent) for sent, changed, _ in NOT_OURS]
    assert [each.status_code for each in answers] == [status for *_, status in NOT_OURS]
    assert all("<h1>" in each.text for each in answers)
    with engine.connect() as connection:
        count = connection.execute(text("select count(*) from image_review_decisions"))
        assert count.scalar_one() == 0


def test_the_longest_note_is_kept_in_any_script(served: Served, engine: Engine) -> None:
    """A letter of Devanagari takes nine bytes of a form, an emoji twelve."""
    original, _ = two(engine)
    path = f"/group/{original}"
    for note in ("क" * 2_000, "🙂" * 2_000):
        assert served.post(path, form(served.get(path).text, note=note)).status_code == 303
        assert note in served.get(path).text


def changed(engine: Engine, statement: str, **values: object) -> None:
    """Change something beside the page."""
    with engine.begin() as connection:
        connection.execute(text(statement), values)


def test_a_refused_form_comes_back_filled_in(served: Served, engine: Engine) -> None:
    """Nobody types a note twice, whatever was in the way."""
    original, _ = two(engine)
    path, note = f"/group/{original}", "Spoke to <them>."
    opened = served.get(path).text
    sent = form(opened, reviewer=" ", note=note, verdict="follow_up")
    refused = served.post(path, sent)
    assert refused.status_code == 409
    assert ">Spoke to &lt;them&gt;.</textarea>" in refused.text
    assert 'value="follow_up" required checked>' in refused.text
    assert served.post(path, form(refused.text, note=note)).status_code == 303
    assert ">Spoke to" not in served.get(path).text.split("<textarea")[1]


def test_a_note_outlives_every_other_refusal(served: Served, engine: Engine) -> None:
    """A program that was started again, a group that is gone and a dead database give it back."""
    original, _ = two(engine)
    path = f"/group/{original}"
    sent = form(served.get(path).text, note="Spoke to them.")
    answers = [served.post(path, {**sent, "token": "of before"})]
    with engine.begin() as connection:
        older = submit(connection, -10)
        store.save(connection, [Outcome(older, picture("a"))], ANALYSED_AT)
        store.link(connection)
    answers.append(served.post(path, sent))
    changed(engine, "drop table image_review_decisions")
    answers.append(served.post(path, sent))
    assert [each.status_code for each in answers] == [403, 409, 503]
    assert all("<bdi>Spoke to them.</bdi>" in each.text for each in answers)
    assert "Nothing was recorded" in answers[1].text
    leads_to = [re.findall(r'<a href="/group/([^"]*)">', each.text) for each in answers]
    assert leads_to == [[str(original)], [str(older.id)], [str(original)]]


def test_nobody_decides_about_a_picture_that_was_not_seen(served: Served, engine: Engine) -> None:
    """A screenshot that is replaced while the page is open is shown before it is judged."""
    original, copy = two(engine)
    path = f"/group/{original}"
    opened = served.get(path).text
    with engine.begin() as connection:
        connection.execute(
            text(
                "update image_fingerprints set content_sha256 = sha256('replaced')"
                " where payment_submission_id = :copy"
            ),
            {"copy": copy},
        )
    refused = served.post(path, form(opened))
    assert refused.status_code == 409
    assert "one of the pictures was replaced" in refused.text
    assert served.post(path, form(refused.text)).status_code == 303


def test_the_form_says_what_a_decision_means(served: Served, engine: Engine) -> None:
    """Nobody needs a manual to choose, or fears that a click is for ever."""
    original, _ = two(engine)
    page = served.get(f"/group/{original}").text
    assert re.findall(r"required> ([^<]*)<", page) == [
        "Same payment, sent again (it counts once)",
        "Not the same payment (the signal is wrong)",
        "To be asked about (such as an old receipt for a new month)",
    ]
    assert "You can change it later by recording another one; all are kept." in page


def test_a_percentage_says_what_it_is_of(served: Served, engine: Engine) -> None:
    """Of altered pixels it is the text that agrees: there may be places where the two differ."""
    original, _ = two(engine)
    pages = ("/", f"/group/{original}")
    assert all("100 % alike" in served.get(each).text for each in pages)
    with engine.begin() as connection:
        connection.execute(
            text(
                "update image_fingerprints set content_sha256 = sha256('b'), pixels_sha256 ="
                " sha256('b') where payment_submission_id = :original"
            ),
            {"original": original},
        )
    assert all("100 % of the text agrees" in served.get(each).text for each in pages)


def test_another_flat_has_submitted_nothing_again(served: Served, engine: Engine) -> None:
    """Only who submitted a picture before can have submitted it again."""
    original, copy = two(engine)
    same = served.get(f"/group/{original}").text
    assert "Submitted again by" in same
    assert "<span>By the same flat</span>" in same
    with engine.begin() as connection:
        moved = text("update payment_submissions set flat_id = 'F-401' where id = :copy")
        connection.execute(moved, {"copy": copy})
    other = served.get(f"/group/{original}").text
    assert 'Also submitted by <bdi class="flat">F-401</bdi>' in other
    assert "<span>By another flat</span>" in other
    assert "Submitted again" not in other
    with engine.begin() as connection:
        nobody = text("update payment_submissions set flat_id = null where id = :copy")
        connection.execute(nobody, {"copy": copy})
    unknown = served.get(f"/group/{original}").text
    assert "By another flat<" not in unknown
    assert "By the same flat<" not in unknown


def test_a_replaced_screenshot_is_told_and_not_judged(served: Served, engine: Engine) -> None:
    """Nobody is asked about a receipt that was put right since: the page says so."""
    original, copy = two(engine)
    assert "names another screenshot" not in served.get(f"/group/{original}").text
    changed(engine, "update payment_submissions set screenshot_url = null where id = :id", id=copy)
    page = served.get(f"/group/{original}").text
    assert "The later payment names another screenshot since, or none." in page
    assert "<form" not in page
    assert "; another screenshot since</li>" in served.get("/").text


def test_what_was_found_by_way_of_another_has_no_percentage(served: Served, engine: Engine) -> None:
    """The number is of two other pictures."""
    original, _ = two(engine)
    said = "Same screenshot as the same flat's submission of 1 March 2025, by way of another copy."
    changed(
        engine,
        "update payment_image_signals set similarity_percentage = 94, similarity_explanation = :e"
        " where duplicate_detected",
        e=said,
    )
    for page in (served.get("/").text, served.get(f"/group/{original}").text):
        assert "by way of another copy" in page
        assert "94 %" not in page


def test_nobody_is_said_to_be_first_where_no_date_is_known(served: Served, engine: Engine) -> None:
    """A submission without a date comes before all others in the order, not in time."""
    original, _ = two(engine)
    assert "<strong>Submitted first</strong>" in served.get(f"/group/{original}").text
    changed(engine, "update payment_submissions set created_at = null where id = :id", id=original)
    page = served.get(f"/group/{original}").text
    assert "<strong>Submitted, nobody knows when</strong>" in page
    assert "Submitted first" not in page


def test_a_list_that_became_shorter_shows_its_end(served: Served, engine: Engine) -> None:
    """Whoever comes back to a page whose groups are all decided sees those that are left."""
    original, _ = two(engine)
    page = served.get("/?decision=undecided&after=2026-01-01T00:00:00_" + str(UUID(int=1))).text
    assert "1 group of submissions with these filters; 1 to 1 are shown" in page
    assert f'href="/group/{original}?decision=undecided&amp;page=last"' in page


def test_a_month_without_copies_is_still_shown_as_chosen(served: Served, engine: Engine) -> None:
    """Otherwise nobody sees what leaves all groups out."""
    two(engine)
    page = served.get("/?month=2024-02").text
    assert "No group passes these filters." in page
    assert '<option value="2024-02" selected>February 2024 (0)</option>' in page


def test_a_group_of_very_many_is_shown_in_parts(served: Served, engine: Engine) -> None:
    """Every copy is in one of them, and a decision leads back to its part."""
    original, copy = two(engine)
    with engine.begin() as connection:
        more = [submit(connection, 50 + number) for number in range(server.COPIES_A_PAGE)]
        store.save(connection, [Outcome(each, picture("a")) for each in more], ANALYSED_AT)
        store.link(connection)
    path = f"/group/{original}"
    first, second, beyond = (served.get(path + asked).text for asked in ("", "?part=2", "?part=9"))
    assert f"Copies 1 to {server.COPIES_A_PAGE} of {server.COPIES_A_PAGE + 1}" in first
    assert first.count("<form") == server.COPIES_A_PAGE
    assert [f"copy-{copy}" in each for each in (first, second)] == [True, False]
    assert f'href="{path}?part=2">Later copies</a>' in first
    assert f'<a rel="prev" href="{path}">Earlier copies</a>' in second
    assert re.findall(r'id="copy-([^"]*)"', beyond) == [str(more[-1].id)]
    sent = served.post(path, form(second))
    assert sent.headers["Location"] == f"{path}?part=2&saved={more[-1].id}#copy-{more[-1].id}"
    page = served.get(sent.headers["Location"]).text
    assert f"{server.COPIES_A_PAGE} copies of this group still wait for a decision." in page


def test_what_was_decided_of_a_copy_is_told_when_it_is_the_first(
    served: Served, engine: Engine
) -> None:
    """The deletion of an original takes no note away."""
    original, copy = two(engine)
    with engine.begin() as connection:
        other = submit(connection, 50)
        store.save(connection, [Outcome(other, picture("a"))], ANALYSED_AT)
        store.link(connection)
    path = f"/group/{original}"
    sent = form(served.get(path).text, copy_id=str(copy), note="They will pay.")
    assert served.post(path, sent).status_code == 303
    changed(engine, "delete from payment_submissions where id = :id", id=original)
    with engine.begin() as connection:
        store.link(connection)
    page = served.get(f"/group/{copy}").text
    assert "Decided about the first one, when it was a copy itself:" in page
    assert page.count("They will pay.") == 1


def test_a_form_without_an_origin_is_refused(served: Served, engine: Engine) -> None:
    """Every browser names the origin of a form; whoever does not is none."""
    original, _ = two(engine)
    answer = requests.post(f"{served.origin}/group/{original}", {}, timeout=TIMEOUT_S)
    assert answer.status_code == 403


def test_other_names_of_this_machine_are_not_answered(served: Served) -> None:
    """A name that somebody else's DNS leads here (rebinding) reads nothing."""
    for host in ("evil.test", "127.0.0.1", "localhost:1", "", f"127.0.0.1.evil.test:{served.port}"):
        answer = served.get("/", Host=host)
        assert answer.status_code in {400, 421}
        assert "Screenshots" not in answer.text


def test_localhost_is_this_machine(served: Served) -> None:
    """The usual name works, and an empty society is told as such."""
    answer = served.get("/", Host=f"localhost:{served.port}")
    assert answer.status_code == 200
    assert "No copy was found. 0 screenshots are analysed." in answer.text


def test_no_copies_are_no_all_clear(served: Served, engine: Engine) -> None:
    """Who reads that there are none reads also how many were looked at, and how many were not."""
    with engine.begin() as connection:
        made = [submit(connection, day) for day in range(4)]
        results = [picture("a"), picture("b"), NOT_FOUND]
        outcomes = [Outcome(each, result) for each, result in zip(made, results, strict=False)]
        store.save(connection, outcomes, ANALYSED_AT)
    said = "No copy was found. 2 screenshots are analysed; 1 could not be, 1 wait for it."
    assert said in served.get("/").text


ADDRESSES = {
    "/?tier=other": 400,
    "/?month=2025-13": 400,
    "/?month=x": 400,
    "/?after=x": 400,
    "/?before=2025-01-01_x": 400,
    "/?month=9999-12": 200,
    "/?flat=same&decision=undecided&page=last": 200,
    f"/group/{UUID(int=1)}": 404,
    "/group/x": 404,
    f"/picture/{UUID(int=1)}": 404,
    "/../../etc/passwd": 404,
    "/group/%00": 404,
}


def test_wrong_addresses_are_answered_plainly(served: Served) -> None:
    """Whatever stands in an address: a page that says what is wrong, never a traceback."""
    answers = {path: served.get(path) for path in ADDRESSES}
    assert {path: each.status_code for path, each in answers.items()} == ADDRESSES
    assert all("<h1>" in each.text for each in answers.values())


def test_a_group_that_has_a_new_original_is_found_by_the_old_one(
    served: Served, engine: Engine
) -> None:
    """A bookmark of a group still leads to it."""
    original, copy = two(engine)
    answer = served.get(f"/group/{copy}")
    assert all(f"Payment {each}" in answer.text for each in (original, copy))
    assert answer.url == f"{served.origin}/group/{original}"
    assert answer.status_code == 200


def test_copies_of_copies_are_found_where_the_list_says(served: Served, engine: Engine) -> None:
    """Rows of another program may form a chain or a circle: each copy has its page and its form."""
    first, second = two(engine)
    with engine.begin() as connection:
        third = submit(connection, 80).id
        linked = text(
            "insert into payment_image_signals (payment_submission_id, image_url,"
            " duplicate_detected, similar_to_payment_id, similarity_percentage, analysis_status)"
            " values (:copy, 'u', true, :original, 100, 'completed')"
        )
        connection.execute(linked, {"copy": third, "original": second})
    path = f"/group/{second}"
    page = served.get(path)
    assert page.url == served.origin + path
    assert f'id="copy-{third}"' in page.text
    assert served.post(path, form(page.text)).status_code == 303
    assert "1 copy of 2 wait for a decision" in served.get("/").text
    with engine.begin() as connection:
        circle = text(
            "update payment_image_signals set duplicate_detected = true, similarity_percentage ="
            " 100, similar_to_payment_id = :copy where payment_submission_id = :original"
        )
        connection.execute(circle, {"copy": second, "original": first})
    answers = [served.get(f"/group/{each}") for each in (first, second)]
    assert [each.url[-36:] for each in answers] == [str(first), str(second)]
    assert [each.status_code for each in answers] == [200, 200]


def test_no_picture_leaves_when_the_operator_says_so(desk: Desk, engine: Engine) -> None:
    """With thumbnails switched off neither page nor picture address shows one."""
    original, copy = two(engine)
    with serving(Desk(desk.engine, desk.explain, show_pictures=False)) as served:
        pages = [served.get(path).text for path in ("/", f"/group/{original}")]
        picture_status = served.get(f"/picture/{copy}").status_code
    assert picture_status == 404
    assert all("<img" not in each and "<image" not in each for each in pages)
    assert all("F-101" in each for each in pages)
    assert all("The pictures are" not in each for each in pages)
    assert f"Payment {copy}, first submitted as payment {original}" in pages[1]


def test_times_are_those_of_the_readers(desk: Desk, engine: Engine) -> None:
    """Captions, headings and decisions are in the zone that is set, which the small print names."""
    original, _ = two(engine)
    with engine.begin() as connection:
        evening = text("update payment_submissions set created_at = created_at + interval '20 h'")
        connection.execute(evening)
    with serving(Desk(desk.engine, desk.explain, zone=ZoneInfo("Asia/Kolkata"))) as served:
        path = f"/group/{original}"
        served.post(path, form(served.get(path).text))
        group, listed = served.get(path).text, served.get("/").text
    assert "2 March 2025, 01:30 IST" in group
    assert ":00 UTC" not in group
    assert re.search(r"<bdi>Asha</bdi>, <time [^>]*>[^<]* IST<", group)
    assert "2 March 2025" in listed
    assert all("Times are in Asia/Kolkata;" in each for each in (group, listed))


def test_a_database_that_is_gone_is_one_line(served: Served, engine: Engine) -> None:
    """The page says what the database says, without rows or passwords."""
    with engine.begin() as connection:
        connection.execute(text("drop table image_review_decisions"))
    answer = served.get("/")
    assert answer.status_code == 503
    assert "imagesignals migrate" in answer.text


def test_a_port_in_use_is_one_line() -> None:
    """Whoever listens there already is not disturbed."""
    with server.listen(0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"Port {port} cannot be used .*--port"):
            server.listen(port)
