"""Trying again where it helps, waiting where a host asks for it, and never hurting others."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Event

import pytest

from imagesignals_pipeline.fetch import Fetcher, FetchSettings
from imagesignals_pipeline.fetch.answers import wait_seconds
from imagesignals_pipeline.fetch.pacing import MAX_HOSTS, STRIKES, Allowance, Pacing
from imagesignals_pipeline.fetch.refusal import Unfetchable
from imagesignals_pipeline.fetch.urls import Origin
from imagesignals_pipeline.model import Failure, FailureKind
from imagesignals_pipeline_tests.fetch.servers import (
    CLOSE,
    PICTURE,
    Answer,
    Internet,
    Line,
    Seen,
    Server,
    in_turn,
    raw,
    reply,
)

FetcherOf = Callable[..., Fetcher]


def hang_up(_line: Line, _seen: Seen) -> str:
    """Close the connection instead of answering."""
    return CLOSE


@pytest.mark.parametrize(
    "trouble",
    [
        reply(500),
        reply(502),
        reply(503),
        reply(408),
        reply(425),
        reply(429),
        hang_up,
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
        raw(b"nonsense\r\n\r\n"),
    ],
    ids=["500", "502", "503", "408", "425", "429", "hang up", "cut off", "nonsense"],
)
def test_trouble_that_may_pass_is_tried_again(
    trouble: Answer, server: Server, fetcher_of: FetcherOf
) -> None:
    """A picture that fails twice for a passing reason is there at the third attempt."""
    server.otherwise = in_turn(trouble, trouble, reply(200, PICTURE))
    fetcher = fetcher_of(allowed_origins=(server.url,))
    assert fetcher.fetch(f"{server.url}/a.png") == PICTURE
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, FailureKind.NOT_FOUND),
        (410, FailureKind.NOT_FOUND),
        (401, FailureKind.ACCESS_DENIED),
        (403, FailureKind.ACCESS_DENIED),
        (451, FailureKind.ACCESS_DENIED),
        (400, FailureKind.UNEXPECTED_STATUS),
        (418, FailureKind.UNEXPECTED_STATUS),
        (204, FailureKind.UNEXPECTED_STATUS),
        (206, FailureKind.UNEXPECTED_STATUS),
        (304, FailureKind.UNEXPECTED_STATUS),
    ],
)
def test_final_answers_are_not_asked_for_again(
    status: int, kind: FailureKind, server: Server, fetcher_of: FetcherOf
) -> None:
    """A status that another try cannot change costs one request and is told by its number."""
    server.otherwise = reply(status)
    fetcher = fetcher_of(allowed_origins=(server.url,))
    assert fetcher.fetch(f"{server.url}/a.png") == Failure(kind, f"Failed to fetch: {status}")
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, FailureKind.RATE_LIMITED),
        (500, FailureKind.SERVER_ERROR),
        (503, FailureKind.SERVER_ERROR),
        (408, FailureKind.TIMEOUT),
        (425, FailureKind.UNEXPECTED_STATUS),
    ],
)
def test_trouble_that_stays_is_told_after_the_last_attempt(
    status: int, kind: FailureKind, server: Server, fetcher_of: FetcherOf
) -> None:
    """A host that always refuses is asked `attempts` times and no more."""
    server.otherwise = reply(status)
    fetcher = fetcher_of(allowed_origins=(server.url,), attempts=2)
    assert fetcher.fetch(f"{server.url}/a.png") == Failure(kind, f"Failed to fetch: {status}")
    assert len(server.seen) == 2


def test_a_busy_host_is_asked_again_after_the_seconds_it_said(
    server: Server, fetcher_of: FetcherOf
) -> None:
    """503 with Retry-After in seconds is asked again after that time and not before."""
    server.otherwise = in_turn(reply(503, retry_after="1"), reply(200, PICTURE))
    fetcher = fetcher_of(allowed_origins=(server.url,))
    began = time.monotonic()
    assert fetcher.fetch(f"{server.url}/a.png") == PICTURE
    assert time.monotonic() - began >= 1


def test_a_busy_host_is_asked_again_at_the_date_it_said(
    server: Server, fetcher_of: FetcherOf
) -> None:
    """503 with Retry-After as a date is asked again then and not before."""
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    busy = reply(503, retry_after=format_datetime(due, usegmt=True))
    server.otherwise = in_turn(busy, reply(200, PICTURE))
    fetcher = fetcher_of(allowed_origins=(server.url,))
    assert fetcher.fetch(f"{server.url}/a.png") == PICTURE
    assert datetime.now(UTC) >= due


def test_patience_is_capped(server: Server, fetcher_of: FetcherOf) -> None:
    """A host that asks for an hour gets a third of `max_wait_s` per attempt, then a failure."""
    server.otherwise = reply(429, retry_after="3600")
    fetcher = fetcher_of(allowed_origins=(server.url,), max_wait_s=1.5)
    began = time.monotonic()
    expected = Failure(FailureKind.RATE_LIMITED, "Failed to fetch: 429")
    assert fetcher.fetch(f"{server.url}/a.png") == expected
    assert 0.9 < time.monotonic() - began < 5
    assert len(server.seen) == 3


def test_without_patience_nothing_is_waited_for(server: Server, fetcher_of: FetcherOf) -> None:
    """With no time to wait, the first refusal is the last."""
    server.otherwise = reply(503, retry_after="1")
    fetcher = fetcher_of(allowed_origins=(server.url,), max_wait_s=0.0)
    expected = Failure(FailureKind.SERVER_ERROR, "Failed to fetch: 503")
    assert fetcher.fetch(f"{server.url}/a.png") == expected
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "text", [None, "", "soon", "-5", "9" * 60, "9" * 5000, "Mon, 99 Foo 2026 00:00:00 GMT"]
)
def test_nonsense_in_retry_after_is_no_wait_or_a_long_one(text: str | None) -> None:
    """What a host writes into Retry-After never raises, and never is a negative time."""
    seconds = wait_seconds(text)
    assert seconds is None or seconds >= 0


def test_a_busy_host_slows_only_itself(
    internet: Internet, server: Server, fetcher_of: FetcherOf
) -> None:
    """While pictures of one host wait for it, pictures of another come at once."""
    busy = internet.host("busy.test", server)
    server.answers["/busy.png"] = in_turn(reply(503, retry_after="3"), reply(200, PICTURE))
    with Server(otherwise=reply(200, PICTURE)) as other:
        quick = internet.host("quick.test", other, address="93.184.215.15")
        fetcher = fetcher_of(max_wait_s=9.0)
        with ThreadPoolExecutor(4) as pool:
            waiting = pool.submit(fetcher.fetch, f"{busy}/busy.png")
            began = time.monotonic()
            quickly = [pool.submit(fetcher.fetch, f"{quick}/{n}.png") for n in range(20)]
            assert all(future.result() == PICTURE for future in quickly)
            assert time.monotonic() - began < 2.5
            assert not waiting.done()
            assert waiting.result() == PICTURE


def test_who_comes_later_respects_the_wait_too(server: Server, fetcher_of: FetcherOf) -> None:
    """A picture that starts while its host asked for a pause does not ask before it is over."""
    server.answers["/first.png"] = reply(429, retry_after="1")
    server.otherwise = reply(200, PICTURE)
    fetcher = fetcher_of(allowed_origins=(server.url,), attempts=1)
    began = time.monotonic()
    assert isinstance(fetcher.fetch(f"{server.url}/first.png"), Failure)
    assert fetcher.fetch(f"{server.url}/second.png") == PICTURE
    assert time.monotonic() - began >= 1


def test_who_waits_for_its_turn_respects_the_wait_too(
    server: Server, fetcher_of: FetcherOf
) -> None:
    """Pictures that queue for a place at the host ask when the pause is over and not before."""
    asked_at: list[float] = []

    def busy_at_first(line: Line, seen: Seen) -> object:
        if asked_at:
            asked_at.append(time.monotonic())
            return reply(200, PICTURE)(line, seen)
        asked_at.append(time.monotonic() + 0.3)
        time.sleep(0.3)  # all others queue by now
        return reply(429, retry_after="1")(line, seen)

    server.otherwise = busy_at_first
    fetcher = fetcher_of(allowed_origins=(server.url,), per_host=1)
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(fetcher.fetch, [f"{server.url}/{n}" for n in range(6)]))
    assert results == [PICTURE] * 6
    refused_at, *later = asked_at
    assert len(later) == 6
    assert min(later) >= refused_at + 1


def test_pauses_are_waited_for_together(server: Server, fetcher_of: FetcherOf) -> None:
    """However many pictures queue at a host that refuses all, each gives up after its own wait."""
    server.otherwise = reply(429, retry_after="60")
    fetcher = fetcher_of(allowed_origins=(server.url,), per_host=1, attempts=1, max_wait_s=1.5)
    began = time.monotonic()
    with ThreadPoolExecutor(12) as pool:
        results = list(pool.map(fetcher.fetch, [f"{server.url}/{n}" for n in range(12)]))
    assert time.monotonic() - began < 4
    assert {each.kind for each in results if isinstance(each, Failure)} == {
        FailureKind.RATE_LIMITED
    }
    assert len(results) == 12


def test_who_cannot_wait_that_long_is_told_so(server: Server, fetcher_of: FetcherOf) -> None:
    """A picture whose patience is shorter than the host's pause fails without asking."""
    server.answers["/first.png"] = reply(429, retry_after="60")
    fetcher = fetcher_of(allowed_origins=(server.url,), attempts=2, max_wait_s=3.0)
    assert isinstance(fetcher.fetch(f"{server.url}/first.png"), Failure)
    asked = len(server.seen)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(fetcher.fetch, f"{server.url}/second.png")
        time.sleep(0.1)
        fetcher.close()
        refusal = waiting.result()
    assert refusal == Failure(
        FailureKind.RATE_LIMITED, "Failed to fetch: host asks for more patience"
    )
    assert len(server.seen) == asked


def test_a_strangers_dead_host_is_left_alone(internet: Internet, fetcher_of: FetcherOf) -> None:
    """After nine attempts without an answer, a public host is not connected to for a while."""
    internet.names["dead.test"] = [["93.184.215.16"]]
    fetcher = fetcher_of()
    results = [fetcher.fetch(f"http://dead.test/{n}.png") for n in range(6)]
    assert {result.kind for result in results if isinstance(result, Failure)} == {
        FailureKind.NETWORK
    }
    assert len(results) == 6
    assert len(internet.connects) == 9


def test_a_trusted_host_is_never_given_up(server: Server, fetcher_of: FetcherOf) -> None:
    """The operator's storage is asked for every picture, however often it failed."""
    server.otherwise = reply(500)
    fetcher = fetcher_of(allowed_origins=(server.url,), attempts=1)
    for _ in range(12):
        fetcher.fetch(f"{server.url}/a.png")
    assert len(server.seen) == 12


def test_simultaneous_requests_to_a_host_are_bounded(server: Server, fetcher_of: FetcherOf) -> None:
    """However many threads ask, a host sees at most `per_host` requests at once."""
    at_once: list[int] = []
    inside: list[int] = []

    def count(line: Line, seen: Seen) -> object:
        inside.append(1)
        at_once.append(len(inside))
        time.sleep(0.05)
        inside.pop()
        return reply(200, PICTURE)(line, seen)

    server.otherwise = count
    fetcher = fetcher_of(allowed_origins=(server.url,), per_host=3)
    with ThreadPoolExecutor(12) as pool:
        results = list(pool.map(fetcher.fetch, [f"{server.url}/{n}" for n in range(24)]))
    assert results == [PICTURE] * 24
    assert 1 < max(at_once) <= 3


def test_connections_are_used_again(server: Server, fetcher_of: FetcherOf) -> None:
    """Fifty pictures of one host come over one connection."""
    server.answers = {f"/{n}.png": reply(200, PICTURE) for n in range(50)}
    fetcher = fetcher_of(allowed_origins=(server.url,))
    assert all(fetcher.fetch(f"{server.url}/{n}.png") == PICTURE for n in range(50))
    assert server.connections == 1


def test_a_connection_that_died_meanwhile_is_opened_anew(
    server: Server, fetcher_of: FetcherOf
) -> None:
    """A server that closes idle connections costs no picture."""
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    server.otherwise = raw(body)
    fetcher = fetcher_of(allowed_origins=(server.url,))
    assert [fetcher.fetch(f"{server.url}/{n}") for n in range(5)] == [b"ok"] * 5


def test_a_name_server_that_fails_is_asked_again(internet: Internet, server: Server) -> None:
    """A look-up that fails for now is tried again; a name that does not exist is not."""
    internet.host("late.test", server)
    server.otherwise = reply(200, PICTURE)
    lookups: list[str] = []

    def resolve(host: str) -> list[str]:
        lookups.append(host)
        if len(lookups) < 3:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return internet.resolve(host)

    settings = FetchSettings(backoff_s=0.05, attempts=2)
    with Fetcher(settings, resolve, internet.connect) as fetcher:
        expected = Failure(FailureKind.NETWORK, "Failed to fetch: name server does not answer")
        assert fetcher.fetch("http://late.test/a.png") == expected
        assert fetcher.fetch("http://late.test/a.png") == PICTURE
        assert isinstance(fetcher.fetch("http://never.test/a.png"), Failure)
    assert lookups == ["late.test"] * 3 + ["never.test"]


def test_only_so_many_hosts_are_remembered() -> None:
    """Pictures of ever new hosts do not fill the memory; a host that is resting is kept."""
    pacing = Pacing(per_host=1, longest_pause_s=1.0)
    dead = Origin("http", "dead.test", 80)
    failed = Unfetchable(FailureKind.NETWORK, "connection refused", again=True)
    for _ in range(STRIKES):
        pacing.note(dead, failed, trusted=False)
    for number in range(2 * MAX_HOSTS):
        pacing.note(Origin("http", f"host{number}.test", 80), None, trusted=False)
    assert len(pacing._hosts) <= MAX_HOSTS
    with (
        pytest.raises(Unfetchable, match="many times in a row"),
        pacing.turn(dead, Allowance(1.0, 1.0, Event())),
    ):
        pass
