"""No text in the database makes the machine talk to itself or to its neighbours.

Look-ups and connections are observed in three places: the fetcher's own hooks, Python's socket
module, through which every connect goes whatever code asks for it, and a server on loopback.
"""

from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Any

import pytest

from imagesignals_pipeline.fetch import Fetcher, FetchSettings
from imagesignals_pipeline.fetch.gate import system_resolver
from imagesignals_pipeline.model import Failure, FailureKind
from imagesignals_pipeline_tests.fetch.hostile_urls import HOSTILE_ANSWERS, HOSTILE_URLS
from imagesignals_pipeline_tests.fetch.servers import (
    PICTURE,
    PUBLIC,
    Internet,
    Server,
    observed,
    reply,
)

REFUSALS = {FailureKind.INVALID_URL, FailureKind.FORBIDDEN_ADDRESS}
FetcherOf = Callable[..., Fetcher]


@pytest.fixture(scope="module")
def trap() -> Generator[tuple[Fetcher, Internet, Server]]:
    """A fetcher for public hosts, in an Internet where every internal address would answer."""
    with ExitStack() as stack:
        server = stack.enter_context(Server({"/a.png": reply(200, PICTURE)}))
        internet = Internet()
        internet.host("good.test", server)
        for address in HOSTILE_ANSWERS:
            internet.behind[address, 80] = internet.behind[address, 443] = server.port
        settings = FetchSettings(deadline_s=5.0)
        fetcher = Fetcher(settings, internet.resolve, internet.connect)
        yield stack.enter_context(fetcher), internet, server


def connects(record: list[tuple[str, Any]]) -> list[Any]:
    """Return where Python's sockets connected to."""
    return [args[-1] for name, args in record if name in {"connect", "connect_ex"}]


def test_the_list_is_long_enough() -> None:
    """The suite holds every trick of the notes, and no URL twice."""
    assert len(set(HOSTILE_URLS)) == len(HOSTILE_URLS) > 200


def test_the_trap_works(trap: tuple[Fetcher, Internet, Server]) -> None:
    """The observers see a fetch that is allowed, so that they would see one that is not."""
    fetcher, internet, server = trap
    before = len(internet.connects)
    with observed() as record:
        assert fetcher.fetch("http://good.test/a.png") == PICTURE
    assert internet.connects[before:] == [(PUBLIC, 80)]
    assert connects(record) == [("127.0.0.1", server.port)]


@pytest.mark.parametrize("url", HOSTILE_URLS, ids=ascii)
def test_a_hostile_url_is_refused_before_anything_is_asked(
    url: str, trap: tuple[Fetcher, Internet, Server]
) -> None:
    """No look-up, no connection, and a failure that tells nothing about the network."""
    fetcher, internet, server = trap
    before = len(internet.lookups), len(internet.connects), len(server.seen)
    with observed() as record:
        result = fetcher.fetch(url)
    assert isinstance(result, Failure)
    assert result.kind in REFUSALS
    assert (len(internet.lookups), len(internet.connects), len(server.seen)) == before
    assert record == []
    assert "127" not in result.detail
    assert "localhost" not in result.detail


@pytest.mark.parametrize("url", HOSTILE_URLS, ids=ascii)
def test_a_redirect_to_a_hostile_url_leads_nowhere_else(
    url: str, trap: tuple[Fetcher, Internet, Server]
) -> None:
    """A public host that redirects inward is asked, and nobody but that host is asked after it."""
    fetcher, internet, server = trap
    before = len(internet.lookups), len(internet.connects), len(server.seen)
    location = url.encode("utf-8", "surrogatepass").replace(b"\r", b"%0D").replace(b"\n", b"%0A")
    head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"
    server.answers["/out"] = lambda line, _: line.send(head)
    with observed() as record:
        fetcher.fetch("http://good.test/out")
    assert set(internet.lookups[before[0] :]) <= {"good.test"}
    assert set(internet.connects[before[1] :]) <= {(PUBLIC, 80)}
    assert set(connects(record)) <= {("127.0.0.1", server.port)}
    assert {seen.headers["host"] for seen in server.seen[before[2] :]} == {"good.test"}


def test_what_only_looks_hostile_is_read_in_one_way(
    trap: tuple[Fetcher, Internet, Server],
) -> None:
    """Behind the host, signs that divide a URL are part of the path, a query or a fragment."""
    fetcher, internet, server = trap
    before = len(internet.lookups), len(server.seen)
    for end in ("#@127.0.0.1:22/", "/@127.0.0.1/", "?@127.0.0.1/", "/http://127.0.0.1/"):
        fetcher.fetch(f"http://good.test{end}")
    assert set(internet.lookups[before[0] :]) <= {"good.test"}
    asked = [seen.path for seen in server.seen[before[1] :]]
    assert asked == ["/", "/@127.0.0.1/", "/?@127.0.0.1/", "/http://127.0.0.1/"]


@pytest.mark.parametrize("address", HOSTILE_ANSWERS)
@pytest.mark.parametrize("position", ["alone", "first", "last"])
def test_a_name_that_leads_inward_is_refused(
    address: str, position: str, trap: tuple[Fetcher, Internet, Server]
) -> None:
    """One internal address among a name's answers, wherever it stands, refuses them all."""
    fetcher, internet, server = trap
    answers = {"alone": [address], "first": [address, PUBLIC], "last": [PUBLIC, address]}
    internet.names["evil.test"] = [answers[position]]
    before = len(internet.connects), len(server.seen)
    with observed() as record:
        result = fetcher.fetch("http://evil.test/a.png")
    assert result == Failure(
        FailureKind.FORBIDDEN_ADDRESS, "Failed to fetch: refused, not a public address"
    )
    assert (len(internet.connects), len(server.seen)) == before
    assert connects(record) == []


def test_the_report(trap: tuple[Fetcher, Internet, Server]) -> None:
    """Of all attempts together none escapes, and each ends as bytes or a Failure (`pytest -s`)."""
    fetcher, internet, server = trap
    before = len(internet.connects)
    internet.names |= {f"evil{n}.test": [[each]] for n, each in enumerate(HOSTILE_ANSWERS)}
    urls = [*HOSTILE_URLS, *(f"https://evil{n}.test/" for n in range(len(HOSTILE_ANSWERS)))]
    for number, url in enumerate(HOSTILE_URLS):
        location = url.encode("ascii", "backslashreplace").replace(b"\n", b"").replace(b"\r", b"")
        server.answers[f"/{number}"] = reply(307, location=location.decode())
        urls.append(f"http://good.test/{number}")
    with observed() as record:
        results: list[object] = [fetcher.fetch(url) for url in urls]
    inward = [where for where in internet.connects[before:] if where != (PUBLIC, 80)]
    unseen = [where for where in connects(record) if where != ("127.0.0.1", server.port)]
    lost = len(urls) - sum(isinstance(result, bytes | Failure) for result in results)
    print(f"\nattempts {len(urls)}, escapes {len(inward + unseen)}, lost {lost}")
    assert (inward, unseen, lost) == ([], [], 0)


def test_a_name_that_changes_its_answer_is_not_looked_up_twice(
    internet: Internet, server: Server, fetcher_of: FetcherOf
) -> None:
    """DNS rebinding: the connection goes to the address that was checked, not to another."""
    internet.host("rebind.test", server)
    internet.names["rebind.test"] = [[PUBLIC], ["127.0.0.1"]]
    server.otherwise = reply(200, PICTURE)
    with observed() as record:
        assert fetcher_of().fetch("http://rebind.test/a.png") == PICTURE
    assert internet.lookups == ["rebind.test"]
    assert internet.connects == [(PUBLIC, 80)]
    assert connects(record) == [("127.0.0.1", server.port)]


def test_a_name_is_checked_again_for_every_new_connection(
    internet: Internet, server: Server, fetcher_of: FetcherOf
) -> None:
    """A retry or a redirect to a name that meanwhile leads inward goes nowhere."""
    internet.host("rebind.test", server)
    internet.names["rebind.test"] = [[PUBLIC], ["127.0.0.1"]]
    server.otherwise = reply(302, location="https://rebind.test/inside", connection="close")
    result = fetcher_of().fetch("http://rebind.test/a.png")
    assert isinstance(result, Failure)
    assert result.kind is FailureKind.FORBIDDEN_ADDRESS
    assert internet.connects == [(PUBLIC, 80)]


def test_a_name_without_an_address_is_a_network_failure(
    internet: Internet, fetcher_of: FetcherOf
) -> None:
    """Unknown names, and names whose answer is empty, are told as such."""
    internet.names["empty.test"] = [[]]
    expected = Failure(FailureKind.NETWORK, "Failed to fetch: host name not found")
    fetcher = fetcher_of()
    assert fetcher.fetch("http://unknown.test/a.png") == expected
    assert fetcher.fetch("http://empty.test/a.png") == expected


def test_the_machines_resolver_is_used_by_default() -> None:
    """Without a hook, names are looked up by the machine, and each address is told once."""
    assert system_resolver("127.0.0.1") == ["127.0.0.1"]


def test_a_trusted_origin_may_be_private(server: Server, fetcher_of: FetcherOf) -> None:
    """The operator's own storage on loopback is asked; the same host at another port is not."""
    server.otherwise = reply(200, PICTURE)
    fetcher = fetcher_of(allowed_origins=(server.url,))
    assert fetcher.fetch(f"{server.url}/a.png") == PICTURE
    with Server(otherwise=reply(200, PICTURE)) as neighbour:
        refusal = fetcher.fetch(f"{neighbour.url}/a.png")
        assert isinstance(refusal, Failure)
        assert refusal.kind is FailureKind.FORBIDDEN_ADDRESS
        assert neighbour.connections == 0
    https = fetcher.fetch(f"https://127.0.0.1:{server.port}/a.png")
    assert isinstance(https, Failure)
    assert https.kind is FailureKind.FORBIDDEN_ADDRESS


def test_the_environments_proxy_and_passwords_are_not_used(
    server: Server,
    fetcher_of: FetcherOf,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """`HTTP_PROXY`, `.netrc` and cookies have no say in where a request goes or what it says."""
    netrc = tmp_path_factory.mktemp("home") / ".netrc"
    netrc.write_text("machine 127.0.0.1 login admin password secret\n")
    netrc.chmod(0o600)
    with Server(otherwise=reply(200, b"from the proxy")) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        server.otherwise = reply(200, PICTURE, set_cookie="a=b; Path=/")
        fetcher = fetcher_of(allowed_origins=(server.url,))
        assert [fetcher.fetch(f"{server.url}/{n}") for n in range(2)] == [PICTURE, PICTURE]
        assert proxy.connections == 0
    for seen in server.seen:
        assert set(seen.headers) == {"host", "accept", "accept-encoding", "user-agent"}
        assert seen.headers["accept-encoding"] == "identity"
