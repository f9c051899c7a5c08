"""A server can waste one picture's share of time and memory, and nothing more.

All hostile servers are asked at once, one picture each, by one fetcher: `pytest -s` prints the
table. Each test then looks at its own line.
"""

import errno
import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache

import pytest

from imagesignals_pipeline.fetch import Fetcher, FetchSettings
from imagesignals_pipeline.model import Failure, FailureKind
from imagesignals_pipeline_tests.fetch.servers import (
    CLOSE,
    PICTURE,
    PUBLIC,
    Answer,
    Internet,
    Line,
    Seen,
    Server,
    raw,
    reply,
)

MAX_BYTES = 2**20
LIMITS = FetchSettings(
    max_bytes=MAX_BYTES,
    deadline_s=1.5,
    max_wait_s=1.5,
    attempts=2,
    backoff_s=0.05,
    connect_timeout_s=0.5,
    silence_timeout_s=1.0,
)
WORST_S = LIMITS.deadline_s + LIMITS.max_wait_s + 3.0
"""What one picture may take, and three seconds for a machine that is busy with other things."""
HEAD = b"HTTP/1.1 200 OK\r\n"


def drip(opening: bytes, content: bytes, every_s: float = 0.05) -> Answer:
    """Say something, then the same few bytes again and again, faster than silence is noticed."""

    def answer(line: Line, _: Seen) -> str:
        line.send(opening)
        line.drip(content, every_s)
        return CLOSE

    return answer


def flood(opening: bytes, content: bytes) -> Answer:
    """Say something, then the same bytes for ever, as fast as they are taken."""
    return drip(opening, content, 0.0)


def silence(opening: bytes) -> Answer:
    """Say something and then nothing more, without hanging up."""

    def answer(line: Line, _: Seen) -> str:
        line.send(opening)
        line.silence()
        return CLOSE

    return answer


def reset(opening: bytes) -> Answer:
    """Say something and reset the connection."""

    def answer(line: Line, _: Seen) -> str:
        line.send(opening)
        linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
        line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return CLOSE

    return answer


def slow_redirect(line: Line, seen: Seen) -> object:
    """Redirect to the same place again, each time after a while."""
    time.sleep(0.6)
    return reply(302, location=seen.path)(line, seen)


@cache
def member() -> bytes:
    """Return 64 MiB of zeros as one gzip member."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(bytes(2**20)) for _ in range(64)), packer.flush()])


def packed(encoding: str, body: bytes) -> Answer:
    """Answer with a body that claims an encoding."""
    return reply(200, body, content_encoding=encoding)


def chunks(*sizes_and_contents: tuple[bytes, bytes]) -> bytes:
    """Return a chunked body with sizes as told, true or not."""
    return b"".join(size + b"\r\n" + content + b"\r\n" for size, content in sizes_and_contents)


LENGTH = HEAD + b"Content-Length: 500000\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
TIMEOUT, BYTES, NETWORK = (
    FailureKind.TIMEOUT,
    FailureKind.TOO_MANY_BYTES,
    FailureKind.NETWORK,
)
REDIRECTS = FailureKind.TOO_MANY_REDIRECTS


def attacks() -> dict[str, tuple[Answer, FailureKind]]:
    """Return every hostile answer under its name, with the kind of failure it must end in."""
    return {
        "no answer": (silence(b""), TIMEOUT),
        "silence in the status line": (silence(b"HTTP/1.1 20"), TIMEOUT),
        "silence in the headers": (silence(HEAD + b"Content-Le"), TIMEOUT),
        "silence in the body": (silence(LENGTH + b"x"), TIMEOUT),
        "silence in a chunk": (silence(CHUNKED + b"5\r\nab"), TIMEOUT),
        "drip of the status line": (drip(b"HTTP/1.1 200 ", b"O"), TIMEOUT),
        "drip of headers": (drip(HEAD, b"X-Drip: drop\r\n"), TIMEOUT),
        "drip of one header": (drip(HEAD + b"X-Drip: ", b"d"), TIMEOUT),
        "drip of the body": (drip(LENGTH, b"x"), TIMEOUT),
        "drip of a body without length": (drip(HEAD + b"\r\n", b"x"), TIMEOUT),
        "drip of chunks": (drip(CHUNKED, b"1\r\nx\r\n"), TIMEOUT),
        "drip of a chunk size": (drip(CHUNKED, b"0"), TIMEOUT),
        "drip of trailers": (drip(CHUNKED + b"0\r\n", b"X: y\r\n"), TIMEOUT),
        "drip of interim answers": (drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), TIMEOUT),
        "drip of a packed body": (
            drip(HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"x")[:10], b"\0"),
            TIMEOUT,
        ),
        "drip of an error's body": (
            drip(b"HTTP/1.1 404 No\r\nContent-Length: 9999\r\n\r\n", b"x"),
            FailureKind.NOT_FOUND,
        ),
        "flood of the status line": (flood(b"HTTP/1.1 200 ", b"O" * 9999), NETWORK),
        "flood of headers": (flood(HEAD, b"X: y\r\n" * 999), NETWORK),
        "flood of long headers": (flood(HEAD, b"X: " + b"y" * 60000 + b"\r\n"), BYTES),
        "flood of one header": (flood(HEAD + b"X: ", b"y" * 9999), NETWORK),
        "flood of the body": (flood(HEAD + b"\r\n", b"x" * 65536), BYTES),
        "flood of chunks": (flood(CHUNKED, b"1000\r\n" + b"x" * 4096 + b"\r\n"), BYTES),
        "flood of tiny chunks": (flood(CHUNKED, b"1\r\nx\r\n" * 9999), BYTES),
        "flood of chunk sizes": (flood(CHUNKED, b"0" * 9999), NETWORK),
        "flood of chunk extensions": (flood(CHUNKED, b"1;" + b"e" * 60000), NETWORK),
        "flood of trailers": (flood(CHUNKED + b"0\r\n", b"X: y\r\n" * 9999), BYTES),
        "flood of interim answers": (
            flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 999),
            BYTES,
        ),
        "101 headers": (raw(HEAD + b"X: y\r\n" * 101 + b"\r\nx"), NETWORK),
        "a cookie of 60,000 bytes": (
            raw(HEAD + b"Set-Cookie: a=" + b"1; Expires=1-1-1 " * 3500 + b"\r\n\r\n"),
            FailureKind.EMPTY,
        ),
        "length too long": (raw(LENGTH + b"short"), NETWORK),
        "length above the limit": (silence(HEAD + b"Content-Length: 9999999\r\n\r\n"), BYTES),
        "length of 5,000 digits": (
            silence(HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"),
            BYTES,
        ),
        "two lengths": (
            raw(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
            NETWORK,
        ),
        "a chunk size that is no number": (raw(CHUNKED + b"xyz\r\n"), NETWORK),
        "a chunk size below nothing": (raw(CHUNKED + b"-3\r\nabc"), NETWORK),
        "a chunk larger than it says": (raw(CHUNKED + b"1\r\nxxxxxx\r\n0\r\n\r\n"), NETWORK),
        "chunks without an end": (raw(CHUNKED + b"1\r\nx\r\n"), NETWORK),
        "a gzip bomb": (packed("gzip", member()), BYTES),
        "a gzip bomb of many members": (packed("gzip", member() * 8), BYTES),
        "a deflate bomb": (packed("deflate", zlib.compress(bytes(2**26), 9)), BYTES),
        "a bomb in chunks": (
            raw(
                HEAD
                + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
                + b"%x\r\n" % len(member())
                + member()
                + b"\r\n0\r\n\r\n"
            ),
            BYTES,
        ),
        "a bomb in a bomb": (packed("gzip, gzip", gzip.compress(member())), NETWORK),
        "ten encodings": (packed(", ".join(["gzip"] * 10), b"x"), NETWORK),
        "an unknown encoding": (packed("br", b"x"), NETWORK),
        "gzip that is none": (packed("gzip", b"not packed at all"), NETWORK),
        "hang up": (raw(b""), NETWORK),
        "hang up in the headers": (raw(HEAD + b"X: y\r\n"), FailureKind.EMPTY),
        "reset": (reset(b""), NETWORK),
        "reset in the body": (reset(LENGTH + b"x"), NETWORK),
        "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), NETWORK),
        "HTTP/0.9": (raw(b"<html>hello</html>"), NETWORK),
        "status of two digits": (raw(b"HTTP/1.1 20 OK\r\n\r\n"), NETWORK),
        "status 999": (raw(b"HTTP/1.1 999 OK\r\n\r\n"), FailureKind.UNEXPECTED_STATUS),
        "nothing": (reply(200), FailureKind.EMPTY),
        "nothing, packed": (packed("gzip", gzip.compress(b"")), FailureKind.EMPTY),
        "redirect to itself": (
            lambda line, seen: reply(302, location=seen.path)(line, seen),
            REDIRECTS,
        ),
        "slow redirect to itself": (slow_redirect, TIMEOUT),
        "redirect with an endless body": (
            flood(HEAD.replace(b"200", b"302") + b"Location: ?\r\n\r\n", b"x" * 65536),
            REDIRECTS,
        ),
        "redirect to nowhere": (reply(302), FailureKind.UNEXPECTED_STATUS),
        "redirect of 60,000 bytes": (
            reply(302, location="/" + "a" * 60000),
            FailureKind.INVALID_URL,
        ),
        "busy for ever": (reply(503, retry_after="9999"), FailureKind.SERVER_ERROR),
    }


ATTACKS = attacks()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attack."""

    result: bytes | Failure
    seconds: float


@pytest.fixture(scope="module")
def servers() -> Generator[dict[str, Server]]:
    """Every hostile server, each on a port of its own."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Server(otherwise=answer))
            for name, (answer, _) in ATTACKS.items()
        }


@pytest.fixture(scope="module")
def fetcher(servers: dict[str, Server]) -> Generator[Fetcher]:
    """A fetcher that trusts all of them, so that nothing but their answers is in the way."""
    trusted = tuple(server.url for server in servers.values())
    with Fetcher(replace(LIMITS, allowed_origins=trusted)) as made:
        yield made


@pytest.fixture(scope="module")
def outcomes(servers: dict[str, Server], fetcher: Fetcher) -> dict[str, Outcome]:
    """What became of all attacks at once."""

    def run(server: Server) -> Outcome:
        began = time.monotonic()
        result = fetcher.fetch(f"{server.url}/a.png?token=secret")
        return Outcome(result, time.monotonic() - began)

    with ThreadPoolExecutor(16) as pool:
        return dict(zip(servers, pool.map(run, servers.values()), strict=True))


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_in_time_as_a_failure(name: str, outcomes: dict[str, Outcome]) -> None:
    """Every hostile answer is one failed screenshot of the right kind, within the limits.

    On a busy machine a flood may reach the deadline before it reaches the limit of bytes.
    """
    outcome = outcomes[name]
    assert isinstance(outcome.result, Failure)
    in_time = outcome.result.kind is not TIMEOUT or "flood" not in name
    assert not in_time or outcome.result.kind is ATTACKS[name][1]
    assert outcome.seconds < WORST_S
    assert outcome.result.detail.startswith("Failed to fetch: ")
    assert "secret" not in outcome.result.detail
    assert "127" not in outcome.result.detail


def test_the_report(outcomes: dict[str, Outcome]) -> None:
    """No attack is lost, none gives a picture, and the slowest stays within the limits."""
    slowest = max(outcomes, key=lambda name: outcomes[name].seconds)
    lost = len(ATTACKS) - len(outcomes)
    accepted = [name for name, outcome in outcomes.items() if isinstance(outcome.result, bytes)]
    print(f"\nattacks {len(outcomes)}, accepted {len(accepted)}, lost {lost}")
    print(f"slowest {outcomes[slowest].seconds:.2f} s ({slowest}), deadline {LIMITS.deadline_s} s")
    assert (lost, accepted) == (0, [])
    assert outcomes[slowest].seconds < WORST_S


def test_memory_does_not_grow_with_what_a_server_sends(
    servers: dict[str, Server], fetcher: Fetcher
) -> None:
    """Bombs of 64 to 512 MiB and endless floods never take more than a few times the limit."""
    peaks: dict[str, int] = {}
    tracemalloc.start()
    try:
        for name, server in servers.items():
            if "bomb" in name or "flood" in name or "endless" in name:
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
                fetcher.fetch(f"{server.url}/again.png")
                peaks[name] = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    worst = max(peaks, key=lambda name: peaks[name])
    print(f"\nmost memory {peaks[worst] / 2**20:.2f} MiB ({worst}), limit {MAX_BYTES / 2**20} MiB")
    assert len(peaks) > 12
    assert peaks[worst] < 4 * MAX_BYTES


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (raw(HEAD + b"Content-Length: 5\r\n\r\nhellomore"), b"hello"),
        (raw(HEAD + b"\r\nuntil the end"), b"until the end"),
        (raw(CHUNKED + chunks((b"5", b"hello"), (b"1;x=y", b"!"), (b"0", b""))), b"hello!"),
        (packed("gzip", gzip.compress(b"hello")), b"hello"),
        (packed("deflate", zlib.compress(b"hello")), b"hello"),
        (packed("identity", b"hello"), b"hello"),
        (packed("gzip", gzip.compress(b"hello" * 999)[:-8]), b"hello" * 999),
        (reply(200, b"hello", content_type="text/html"), b"hello"),
        (raw(b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 1\r\n\r\n!"), b"!"),
        (raw(b"HTTP/1.0 200 OK\r\n\r\nold"), b"old"),
        (reply(200, b"x" * MAX_BYTES), b"x" * MAX_BYTES),
    ],
    ids=[
        "length too short", "no length", "chunks", "gzip", "deflate", "identity", "cut gzip",
        "another type", "interim answer", "HTTP/1.0", "exactly the limit",
    ],
)  # fmt: skip
def test_odd_but_honest_answers_are_pictures(
    answer: Answer, expected: bytes, server: Server, fetcher_of: Callable[..., Fetcher]
) -> None:
    """Forms of answers that real servers use are read; the type is no more than a hint."""
    server.otherwise = answer
    fetcher = fetcher_of(allowed_origins=(server.url,), max_bytes=MAX_BYTES)
    assert fetcher.fetch(f"{server.url}/a.png") == expected


def test_one_byte_above_the_limit_is_too_large(
    server: Server, fetcher_of: Callable[..., Fetcher]
) -> None:
    """The limit holds to the byte, whether the server tells the length or not."""
    body = b"x" * (MAX_BYTES + 1)
    expected = Failure(FailureKind.TOO_MANY_BYTES, "Failed to fetch: larger than 1 MiB")
    fetcher = fetcher_of(allowed_origins=(server.url,), max_bytes=MAX_BYTES)
    for answer in (
        reply(200, body),
        raw(HEAD + b"\r\n" + body),
        packed("gzip", gzip.compress(body)),
    ):
        server.otherwise = answer
        assert fetcher.fetch(f"{server.url}/a.png") == expected


@pytest.mark.parametrize(
    "answer",
    [
        flood(CHUNKED + b"0\r\n", b"X: y\r\n" * 9999),
        flood(HEAD + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b"") * 999),
    ],
    ids=["trailers", "gzip members without content"],
)
def test_what_is_no_picture_counts_too(
    answer: Answer, server: Server, fetcher_of: Callable[..., Fetcher]
) -> None:
    """Bytes on the wire are limited also where nothing comes out of them."""
    server.otherwise = answer
    fetcher = fetcher_of(allowed_origins=(server.url,), deadline_s=60.0)
    began = time.monotonic()
    expected = Failure(FailureKind.TOO_MANY_BYTES, "Failed to fetch: too large")
    assert fetcher.fetch(f"{server.url}/a.png") == expected
    assert time.monotonic() - began < 30


def test_crumbs_are_counted(server: Server, fetcher_of: Callable[..., Fetcher]) -> None:
    """A body in more chunks than any server needs ends before its bytes are too many."""
    server.otherwise = flood(CHUNKED, b"1\r\nx\r\n" * 9999)
    fetcher = fetcher_of(allowed_origins=(server.url,), max_bytes=2**30, deadline_s=60.0)
    expected = Failure(FailureKind.TOO_MANY_BYTES, "Failed to fetch: too many chunks")
    assert fetcher.fetch(f"{server.url}/a.png") == expected


def test_what_follows_an_answer_is_not_the_next_one(
    server: Server, fetcher_of: Callable[..., Fetcher]
) -> None:
    """Bytes behind the announced length never become the answer to another picture."""
    planted = HEAD + b"Content-Length: 7\r\n\r\nplanted"

    def plant(line: Line, _: Seen) -> None:
        line.send(HEAD + b"Content-Length: 5\r\n\r\nhello" + planted)

    server.answers = {"/first": plant, "/second": reply(200, PICTURE)}
    fetcher = fetcher_of(allowed_origins=(server.url,))
    for _ in range(5):
        assert fetcher.fetch(f"{server.url}/first") == b"hello"
        assert fetcher.fetch(f"{server.url}/second") == PICTURE


def test_a_slow_name_server_is_part_of_the_deadline(server: Server) -> None:
    """A look-up that hangs ends with the deadline, and is left behind."""

    def hang(_: str) -> list[str]:
        server.stopping.wait(20)
        return []

    with Fetcher(replace(LIMITS, deadline_s=0.5), hang) as fetcher:
        began = time.monotonic()
        result = fetcher.fetch("http://slow.test/a.png")
        assert result == Failure(
            FailureKind.TIMEOUT, "Failed to fetch: timeout, no answer from DNS"
        )
        assert time.monotonic() - began < 4


def test_a_host_that_takes_no_connection_is_part_of_the_deadline() -> None:
    """A connection that is never accepted ends with its own time-out, and is tried again."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as stack:
        address = full.getsockname()
        for _ in range(4):  # fill the backlog, so that the kernel drops what comes next
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(address)
        settings = replace(LIMITS, allowed_origins=(f"http://127.0.0.1:{address[1]}",))
        with Fetcher(settings) as fetcher:
            began = time.monotonic()
            result = fetcher.fetch(f"http://127.0.0.1:{address[1]}/a.png")
            assert isinstance(result, Failure)
            assert result.kind in {NETWORK, TIMEOUT}  # some kernels take it and say nothing
            assert time.monotonic() - began < WORST_S


def test_look_ups_that_hang_are_bounded(server: Server) -> None:
    """Where too many look-ups hang, the next one waits for its turn, within its deadline."""
    asked: list[str] = []

    def hang(host: str) -> list[str]:
        asked.append(host)
        server.stopping.wait(20)
        return []

    settings = replace(LIMITS, deadline_s=0.5, attempts=1)
    with Fetcher(settings, hang) as fetcher, ThreadPoolExecutor(40) as pool:
        results = list(pool.map(fetcher.fetch, [f"http://slow{n}.test/" for n in range(40)]))
    assert {result.kind for result in results if isinstance(result, Failure)} == {TIMEOUT}
    assert len(asked) == 32


def test_a_host_out_of_reach_is_a_network_failure(internet: Internet) -> None:
    """An address without a route is told as such, and a connection that died at once as broken."""

    def unreachable(address: str, port: int, timeout_s: float) -> socket.socket:
        del address, port, timeout_s
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    def stillborn(address: str, port: int, timeout_s: float) -> socket.socket:
        del address, port, timeout_s
        connection = socket.socket()
        connection.close()
        return connection

    internet.names["far.test"] = [[PUBLIC]]
    details = []
    for connect in (unreachable, stillborn):
        with Fetcher(replace(LIMITS, attempts=1), internet.resolve, connect) as fetcher:
            result = fetcher.fetch("http://far.test/")
            assert isinstance(result, Failure)
            details.append(result.detail)
    assert details == [
        "Failed to fetch: host cannot be reached",
        "Failed to fetch: connection broke",
    ]


def test_a_second_address_is_tried(
    internet: Internet, server: Server, fetcher_of: Callable[..., Fetcher]
) -> None:
    """Where the first address of a name refuses, the next one is asked; few are tried in all."""
    server.otherwise = reply(200, PICTURE)
    internet.behind["93.184.215.99", 80] = server.port
    internet.names["two.test"] = [["93.184.215.98", "93.184.215.99"]]
    internet.names["many.test"] = [[f"93.184.216.{n}" for n in range(50)]]
    assert fetcher_of().fetch("http://two.test/a.png") == PICTURE
    internet.connects.clear()
    expected = Failure(FailureKind.NETWORK, "Failed to fetch: connection refused")
    assert fetcher_of(attempts=1).fetch("http://many.test/a.png") == expected
    assert len(internet.connects) == 4


def test_redirects_are_followed_three_times(
    server: Server, fetcher_of: Callable[..., Fetcher]
) -> None:
    """Three redirects lead to the picture, absolute, relative or in UTF-8; a fourth is refused."""
    server.answers = {
        "/0": reply(301, location="/1"),
        "/1": reply(307, location=f"{server.url}/d/2?q=%20"),
        "/d/2?q=%20": raw(
            b"HTTP/1.1 303 See\r\nContent-Length: 0\r\nLocation: \xc3\xa9 3.png#x\r\n\r\n"
        ),
        "/d/%C3%A9%203.png": reply(200, PICTURE),
        "/-1": reply(308, location="/0"),
    }
    fetcher = fetcher_of(allowed_origins=(server.url,))
    assert fetcher.fetch(f"{server.url}/0") == PICTURE
    expected = Failure(FailureKind.TOO_MANY_REDIRECTS, "Failed to fetch: too many redirects")
    assert fetcher.fetch(f"{server.url}/-1") == expected
