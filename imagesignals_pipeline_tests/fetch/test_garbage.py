"""Whatever bytes a server sends, there is a picture or a Failure, and never an exception."""

from collections.abc import Generator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagesignals_pipeline.fetch import Fetcher, FetchSettings
from imagesignals_pipeline.model import Failure
from imagesignals_pipeline_tests.fetch.servers import CLOSE, Line, Seen, Server

STATUSES = (
    "200",
    "204",
    "206",
    "301",
    "302",
    "400",
    "404",
    "416",
    "429",
    "503",
    "999",
    "0",
    "-1",
    "2e2",
)
HEADERS = (
    "Content-Length", "Content-Encoding", "Transfer-Encoding", "Location", "Retry-After",
    "Set-Cookie", "Connection", "Content-Type", "Content-Range", "Upgrade", "", " ", "\x00", "é",
)  # fmt: skip
NINES = "many nines"
"""Stands for 5,000 of them until they are sent: Hypothesis warns of examples that are so long."""
VALUES = (
    "0", "3", "-3", "+3", "3, 3", "3, 4", "٣", "1e3", NINES, "gzip", "deflate", "chunked",
    "identity, chunked", "chunked, chunked", "/a", "http://[", "//", "?", "\udcff", "close", "a=b",
    "a=b; Expires=Thu, 99 Foo 99999 99:99:99", "multipart/x; boundary=", "\r\n folded", "",
)  # fmt: skip
BODIES = (
    b"",
    b"abc",
    b"3\r\nabc\r\n0\r\n\r\n",
    b"-3\r\nabc",
    b"0x3\r\nabc",
    b"\x1f\x8b\x08",
    b"x\x9c\x03",
)


def said(
    status: str, headers: list[tuple[str, str]], end: bytes, body: bytes, tail: bytes
) -> bytes:
    """Return an answer that is not far from a real one."""
    lines = [f"HTTP/1.1 {status} Said\r\n", *(f"{name}: {value}\r\n" for name, value in headers)]
    return "".join(lines).encode("utf-8", "surrogateescape") + end + body + tail


ANSWERS = st.builds(
    said,
    st.sampled_from(STATUSES),
    st.lists(st.tuples(st.sampled_from(HEADERS), st.sampled_from(VALUES)), max_size=5),
    st.sampled_from([b"\r\n", b"\n", b""]),
    st.sampled_from(BODIES),
    st.binary(max_size=20),
)


@pytest.fixture(scope="module")
def babbler() -> Generator[tuple[Server, Fetcher, list[bytes]]]:
    """A server that says what the list holds, under the form of a stored object."""
    saying = [b""]

    def say(line: Line, _: Seen) -> str:
        line.send(saying[0].replace(NINES.encode(), b"9" * 5000))
        return CLOSE

    with Server(otherwise=say) as server:
        limits = FetchSettings(
            storage_url=f"{server.url}/storage/v1/object/public/shots/",
            attempts=1,
            max_wait_s=0.0,
            deadline_s=2.0,
        )
        with Fetcher(limits) as fetcher:
            yield server, fetcher, saying


@given(st.one_of(ANSWERS, st.binary(max_size=100)))
@settings(max_examples=300)
def test_no_answer_raises(babbler: tuple[Server, Fetcher, list[bytes]], answer: bytes) -> None:
    """Statuses, headers and bodies in any combination, true or not, cut off anywhere."""
    server, fetcher, saying = babbler
    saying[0] = answer
    for url in (f"{server.url}/a.png", "a.png"):
        result = fetcher.fetch(url)
        assert isinstance(result, bytes | Failure)
