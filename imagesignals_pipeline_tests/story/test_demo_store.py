"""The demonstration's store over real HTTP, and its rows in a real database."""

import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests
from sqlalchemy import Connection, text

from imagesignals_pipeline.demo import DemoStore, DemoSubmission, Kind, load, society
from imagesignals_pipeline.demo.load import NotADemoDatabaseError
from imagesignals_pipeline.demo.store import PREFIX, Shelf
from imagesignals_pipeline.demo.uploads import Upload, render
from imagesignals_pipeline.model import AnalysisStatus

SOCIETY = society()


def the(kind: Kind) -> DemoSubmission:
    """Return the first submission of a kind."""
    return next(each for each in SOCIETY if each.kind is kind)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DemoStore]:
    """A store of the whole society on any free port."""
    with DemoStore(tmp_path, port=0) as running:
        yield running


def get(store: DemoStore, submission: DemoSubmission) -> requests.Response:
    """Ask a store for a submission's picture as its stored address says."""
    url = submission.url(store.base_url)
    assert url is not None
    if submission.kind is Kind.BARE_PATH:
        url = store.base_url + url
    return requests.get(url, timeout=30)


@pytest.mark.parametrize(
    "kind",
    [
        Kind.HONEST,
        Kind.RESIZED,
        Kind.BARE_PATH,
        Kind.SPACED_URL,
        Kind.ENCODED_URL,
        Kind.CAMERA,
        Kind.TRUNCATED,
        Kind.HUGE,
        Kind.PDF,
        Kind.SIGN_IN_PAGE,
        Kind.EMPTY,
    ],
)
def test_serves_what_was_uploaded(store: DemoStore, kind: Kind) -> None:
    """Whatever the address looks like, the answer is the upload with its length and media type."""
    submission = the(kind)
    assert submission.content is not None
    answer = get(store, submission)
    assert answer.status_code == 200
    assert answer.content == render(submission.content)
    assert answer.headers["Content-Length"] == str(len(answer.content))
    media_type = answer.headers["Content-Type"]
    expected = {Kind.PDF: "application/pdf", Kind.SIGN_IN_PAGE: "text/html; charset=utf-8"}
    assert media_type == expected.get(kind, media_type)
    assert kind in expected or media_type in {"image/png", "image/jpeg"}


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        (Kind.MISSING, 404, "404"),
        (Kind.DELETED, 400, "404"),
        (Kind.FORBIDDEN, 403, "403"),
        (Kind.BROKEN, 500, "500"),
    ],
)
def test_errors(store: DemoStore, kind: Kind, status: int, told: str) -> None:
    """Pictures that cannot be had are refused, each time, in the words of Supabase Storage."""
    for _ in range(2):
        answer = get(store, the(kind))
        assert answer.status_code == status
        assert answer.json()["statusCode"] == told


def test_busy_store_recovers(store: DemoStore) -> None:
    """A busy store asks for a second of patience and serves the picture the next time."""
    first, second = get(store, the(Kind.BUSY)), get(store, the(Kind.BUSY))
    assert (first.status_code, first.headers["Retry-After"]) == (503, "1")
    assert second.status_code == 200


def test_every_screenshot_has_an_answer(store: DemoStore) -> None:
    """What the society expects to be analysed has a picture to serve, and errors have none."""
    for each in SOCIETY:
        if each.status is AnalysisStatus.COMPLETED:
            assert each.path is not None
            assert each.content is not None
    refused = [each for each in SOCIETY if each.path is not None and each.content is None]
    assert {get(store, each).status_code for each in refused} == {400, 403, 404, 500}


def test_head_sends_no_body(store: DemoStore) -> None:
    """HEAD tells a picture's length without sending it."""
    url = the(Kind.TINY).url(store.base_url)
    assert url is not None
    answer = requests.head(url, timeout=30)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 60


@pytest.mark.parametrize("path", ["../../port", "..%2F..%2Fport", "/etc/passwd", "nobody.png", ""])
def test_nothing_else_is_served(store: DemoStore, path: str) -> None:
    """Paths that no submission has are refused; nothing is ever read from disk by its name."""
    place = urlsplit(store.base_url)
    with socket.create_connection((place.hostname, place.port), timeout=10) as link:
        link.sendall(f"GET {PREFIX}{path} HTTP/1.0\r\n\r\n".encode())
        answer = link.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400")


def test_other_routes_are_refused(store: DemoStore) -> None:
    """Outside the bucket there is nothing."""
    origin = store.base_url.removesuffix(PREFIX)
    assert requests.get(f"{origin}/", timeout=10).status_code == 404


def test_listens_on_loopback_only(store: DemoStore) -> None:
    """The store can be reached from this machine alone."""
    assert urlsplit(store.base_url).hostname == "127.0.0.1"


def test_no_address_before_it_runs(tmp_path: Path) -> None:
    """A store that does not run has no address, and makes no files."""
    with pytest.raises(RuntimeError, match="entered"):
        DemoStore(tmp_path / "none").base_url  # noqa: B018 - asking is what fails
    assert not (tmp_path / "none").exists()


def test_pictures_are_drawn_once(tmp_path: Path) -> None:
    """A drawn picture is kept as a file; a later store serves that file."""
    tiny = [the(Kind.TINY)]
    with DemoStore(tmp_path, port=0, submissions=tiny) as store:
        assert get(store, tiny[0]).status_code == 200
    (file,) = (tmp_path / "pictures").iterdir()
    file.write_bytes(b"kept")
    with DemoStore(tmp_path, port=0, submissions=tiny) as store:
        assert get(store, tiny[0]).content == b"kept"


def test_many_draw_one_picture_at_once(tmp_path: Path) -> None:
    """Shelves that draw one picture at the same time all return it whole, and leave one file."""
    upload = the(Kind.HONEST).content
    assert isinstance(upload, Upload)
    with ThreadPoolExecutor(6) as pool:
        drawing = [pool.submit(Shelf(tmp_path, []).picture, upload) for _ in range(6)]
        pictures = {each.result() for each in drawing}
    assert pictures == {render(upload)}
    assert len(list(tmp_path.iterdir())) == 1


def test_port_is_remembered(tmp_path: Path) -> None:
    """A store of the same directory has the same address from run to run."""
    addresses = []
    for _ in range(2):
        with DemoStore(tmp_path, submissions=[]) as store:
            requests.get(store.base_url, timeout=10)
            addresses.append(store.base_url)
    assert addresses[0] == addresses[1]


@pytest.mark.parametrize("note", ["", "no number", "99999999", "-1"])
def test_damaged_note_of_the_port(tmp_path: Path, note: str) -> None:
    """A note that holds no port is replaced by one that does."""
    (tmp_path / "port").write_text(note)
    with DemoStore(tmp_path, submissions=[]) as store:
        assert str(urlsplit(store.base_url).port) == (tmp_path / "port").read_text()


def test_port_taken_by_a_stranger(tmp_path: Path) -> None:
    """When another program has taken the port, the store chooses and remembers a new one."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        (tmp_path / "port").write_text(str(taken))
        with DemoStore(tmp_path, submissions=[]) as store:
            port = urlsplit(store.base_url).port
    assert port != taken
    assert (tmp_path / "port").read_text() == str(port)


def test_two_stores_of_one_directory(tmp_path: Path) -> None:
    """Two stores share the address; when one ends, the other answers every request."""
    tiny = [the(Kind.TINY)]
    with DemoStore(tmp_path, submissions=tiny) as staying:
        with DemoStore(tmp_path, submissions=tiny) as leaving:
            assert leaving.base_url == staying.base_url
        for _ in range(20):
            assert get(staying, tiny[0]).status_code == 200


def test_client_that_hangs_up(store: DemoStore, capfd: pytest.CaptureFixture[str]) -> None:
    """A client that goes away in the middle of an answer leaves no trace in the output."""
    place, submission = urlsplit(store.base_url), the(Kind.CAMERA)
    with socket.create_connection((place.hostname, place.port), timeout=10) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.sendall(f"GET {PREFIX}{submission.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        link.recv(100)
    assert get(store, the(Kind.TINY)).status_code == 200
    assert capfd.readouterr().err == ""


def test_trouble_of_its_own_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """When the store cannot keep its pictures, it says why instead of hiding it."""
    (tmp_path / "pictures").write_text("in the way")
    tiny = [the(Kind.TINY)]
    with DemoStore(tmp_path, port=0, submissions=tiny) as store:
        with pytest.raises(requests.ConnectionError):
            get(store, tiny[0])
        assert "pictures" in capfd.readouterr().err


BASE_URL = "http://127.0.0.1:1/bucket/"
ROWS = text(
    "select id, flat_id, screenshot_url, created_at"
    " from payment_submissions order by created_at, id"
)


def test_load_fills_an_empty_database(connection: Connection) -> None:
    """An empty table gets the whole society, value by value."""
    assert load(connection, BASE_URL) == len(SOCIETY)
    expected = [(each.id, each.flat_id, each.url(BASE_URL), each.created_at) for each in SOCIETY]
    assert [tuple(row) for row in connection.execute(ROWS)] == expected


def test_load_again_changes_nothing(connection: Connection) -> None:
    """Loading twice writes nothing the second time, and keeps what a user has added."""
    load(connection, BASE_URL)
    mine = uuid4()
    connection.execute(text("insert into payment_submissions (id) values (:id)"), {"id": mine})
    assert load(connection, BASE_URL) == 0
    ids = {row.id for row in connection.execute(ROWS)}
    assert ids == {mine, *(each.id for each in SOCIETY)}


def test_load_follows_the_store(connection: Connection) -> None:
    """When the store's address has changed, exactly the URLs that name it are rewritten."""
    load(connection, BASE_URL)
    elsewhere = "http://127.0.0.1:2/bucket/"
    moved = sum(each.url(BASE_URL) != each.url(elsewhere) for each in SOCIETY)
    assert 0 < load(connection, elsewhere) == moved < len(SOCIETY)
    urls = [row.screenshot_url for row in connection.execute(ROWS)]
    assert urls == [each.url(elsewhere) for each in SOCIETY]


def test_load_leaves_a_strangers_database_alone(connection: Connection) -> None:
    """A database with submissions of somebody else is refused in one line and stays as it was."""
    mine = uuid4()
    connection.execute(text("insert into payment_submissions (id) values (:id)"), {"id": mine})
    with pytest.raises(NotADemoDatabaseError) as refused:
        load(connection, BASE_URL)
    assert str(refused.value).startswith("The database holds 1 payment submissions")
    assert str(refused.value).endswith("Set IMAGESIGNALS_HOME to another folder.")
    assert "\n" not in str(refused.value)
    assert [row.id for row in connection.execute(ROWS)] == [mine]
