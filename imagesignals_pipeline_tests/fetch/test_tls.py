"""TLS is verified against the name, although the connection goes to a checked address."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from imagesignals_pipeline.fetch import Fetcher
from imagesignals_pipeline.model import Failure, FailureKind
from imagesignals_pipeline_tests.fetch.servers import (
    CLOSE,
    PICTURE,
    Internet,
    Line,
    Seen,
    Server,
    reply,
)

FetcherOf = Callable[..., Fetcher]
UNVERIFIED = Failure(FailureKind.NETWORK, "Failed to fetch: certificate cannot be verified")
TIMEOUT = Failure(FailureKind.TIMEOUT, "Failed to fetch: timeout, no complete answer in time")


@dataclass
class Identity:
    """A certificate for good.test and 127.0.0.1 that vouches for itself."""

    file: str
    context: ssl.SSLContext
    asked_for: list[str | None] = field(default_factory=list[str | None])


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """Make a certificate with the machine's openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on this machine to make a certificate with")
    folder: Path = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=test", "-keyout", key, "-out", certificate,
         "-addext", "subjectAltName=DNS:good.test,IP:127.0.0.1",
         "-addext", "keyUsage=critical,digitalSignature,keyCertSign"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    made = Identity(str(certificate), context)
    context.sni_callback = lambda _socket, name, _context: made.asked_for.append(name)
    return made


@pytest.fixture
def secure(identity: Identity) -> Generator[Server]:
    """A server with that certificate."""
    with Server(otherwise=reply(200, PICTURE), tls=identity.context) as server:
        yield server


def test_a_certificate_for_the_name_is_accepted(
    identity: Identity, secure: Server, internet: Internet, fetcher_of: FetcherOf
) -> None:
    """The name is sent (SNI) and verified; one connection serves several pictures."""
    origin = internet.host("good.test", secure)
    fetcher = fetcher_of(ca_file=identity.file)
    identity.asked_for.clear()
    assert [fetcher.fetch(f"{origin}/{n}.png") for n in range(3)] == [PICTURE] * 3
    assert identity.asked_for == ["good.test"]
    assert secure.connections == 1
    assert secure.seen[0].headers["host"] == "good.test"


def test_a_certificate_for_another_name_is_refused(
    identity: Identity, secure: Server, internet: Internet, fetcher_of: FetcherOf
) -> None:
    """A host that cannot prove its name gets no request, and no second chance."""
    origin = internet.host("other.test", secure)
    assert fetcher_of(ca_file=identity.file).fetch(f"{origin}/a.png") == UNVERIFIED
    assert secure.seen == []
    assert len(internet.connects) == 1


def test_a_certificate_nobody_vouches_for_is_refused(
    secure: Server, internet: Internet, fetcher_of: FetcherOf
) -> None:
    """Without its authority in the list, a certificate is worth nothing."""
    origin = internet.host("good.test", secure)
    assert fetcher_of().fetch(f"{origin}/a.png") == UNVERIFIED
    assert secure.seen == []


def test_a_trusted_address_proves_itself_too(
    identity: Identity, secure: Server, fetcher_of: FetcherOf
) -> None:
    """Being trusted to be private is not being trusted without a certificate."""
    trusted = {"allowed_origins": (secure.url,)}
    assert fetcher_of(**trusted).fetch(f"{secure.url}/a.png") == UNVERIFIED
    assert fetcher_of(**trusted, ca_file=identity.file).fetch(f"{secure.url}/a.png") == PICTURE


def test_no_redirect_leads_from_https_to_http(
    identity: Identity, secure: Server, server: Server, internet: Internet, fetcher_of: FetcherOf
) -> None:
    """A downgrade is refused, to a trusted origin as well; the other direction is followed."""
    safe = internet.host("good.test", secure)
    secure.answers["/down.png"] = reply(302, location=f"{server.url}/a.png")
    server.answers["/up.png"] = reply(302, location=f"{safe}/a.png")
    fetcher = fetcher_of(ca_file=identity.file, allowed_origins=(server.url,))
    assert fetcher.fetch(f"{safe}/down.png") == Failure(
        FailureKind.FORBIDDEN_ADDRESS, "Failed to fetch: refused, redirect from https to http"
    )
    assert server.seen == []
    assert fetcher.fetch(f"{server.url}/up.png") == PICTURE


def test_a_drip_under_tls_ends_with_the_deadline(
    identity: Identity, secure: Server, fetcher_of: FetcherOf
) -> None:
    """TLS takes the socket over, and the watch still ends it, on a connection used again too."""

    def drip(line: Line, _: Seen) -> str:
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        line.drip(b"x", 0.05)
        return CLOSE

    secure.answers["/drip.png"] = drip
    fetcher = fetcher_of(
        ca_file=identity.file, allowed_origins=(secure.url,), deadline_s=1.0, attempts=1
    )
    for path in ("/drip.png", "/a.png", "/drip.png"):
        began = time.monotonic()
        assert fetcher.fetch(f"{secure.url}{path}") == (PICTURE if path == "/a.png" else TIMEOUT)
        assert time.monotonic() - began < 4


@contextmanager
def greeting(opening: bytes, then: bytes) -> Generator[int]:
    """Serve connections that begin with some bytes and go on with others, drop by drop."""
    over = threading.Event()

    def serve(listener: socket.socket) -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                try:
                    connection.sendall(opening)
                    while then and not over.wait(0.05):
                        connection.sendall(then)
                except OSError:
                    continue
                over.wait(0.0 if then else 3.0)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join(5)


@pytest.mark.parametrize(
    ("opening", "then", "kind"),
    [
        (b"", b"", FailureKind.TIMEOUT),
        (b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb", b"\x03", FailureKind.TIMEOUT),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"", FailureKind.NETWORK),
    ],
    ids=["silence", "drip", "no TLS"],
)
def test_a_handshake_that_does_not_end_is_part_of_the_deadline(
    opening: bytes, then: bytes, kind: FailureKind, fetcher_of: FetcherOf
) -> None:
    """A host that is slow before its certificate is as bounded as one that is slow after it."""
    with greeting(opening, then) as port:
        origin = f"https://127.0.0.1:{port}"
        fetcher = fetcher_of(allowed_origins=(origin,), deadline_s=1.0, attempts=1)
        began = time.monotonic()
        result = fetcher.fetch(f"{origin}/a.png")
        assert time.monotonic() - began < 4
    assert isinstance(result, Failure)
    assert result.kind is kind
