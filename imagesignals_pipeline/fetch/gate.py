"""Opens connections: looks a name up once, checks every answer, connects to what was checked."""

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import BoundedSemaphore, Thread

from imagesignals_pipeline.fetch.addresses import is_internal_name, is_literal, is_public
from imagesignals_pipeline.fetch.refusal import Unfetchable
from imagesignals_pipeline.fetch.urls import DEFAULT_PORTS, Origin
from imagesignals_pipeline.fetch.watch import Watch
from imagesignals_pipeline.model import FailureKind

Resolver = Callable[[str], Sequence[str]]
"""Host name -> its addresses as text; raises OSError when there are none."""

Connect = Callable[[str, int, float], socket.socket]
"""Address, port, time-out in seconds -> a connected socket; raises OSError."""

MAX_LOOKUPS = 32
"""Look-ups under way at once. One that hangs cannot be stopped, only left behind."""
MAX_ADDRESSES = 4
"""Addresses of one name that are tried; a name with more is not slower to fail."""
PUBLIC_PORTS = frozenset(DEFAULT_PORTS.values())


def system_resolver(host: str) -> list[str]:
    """Return the addresses that the machine's resolver gives, in its order."""
    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def open_socket(address: str, port: int, timeout_s: float) -> socket.socket:
    """Connect to an address that was checked; it is no name, so nothing is looked up."""
    return socket.create_connection((address, port), timeout_s)


class Gate:
    """The only place where connections are opened, so the only one that decides about hosts."""

    def __init__(
        self,
        trusted: frozenset[Origin],
        connect_timeout_s: float,
        resolver: Resolver = system_resolver,
        connect: Connect = open_socket,
    ) -> None:
        self._trusted = trusted
        self._connect_timeout_s = connect_timeout_s
        self._resolver = resolver
        self._connect = connect
        self._lookups = BoundedSemaphore(MAX_LOOKUPS)

    def check(self, origin: Origin) -> None:
        """Raise Unfetchable for an origin that is refused whatever its addresses are."""
        if origin in self._trusted:
            return
        if origin.port not in PUBLIC_PORTS:
            raise _forbidden("port is neither 80 nor 443")
        if is_literal(origin.host):
            self._check_addresses([origin.host])
        elif is_internal_name(origin.host):
            raise _forbidden("not a public host name")

    def open(self, origin: Origin, watch: Watch) -> socket.socket:
        """Return a connection to a checked address of the origin, held by the watch."""
        self.check(origin)
        addresses = [origin.host] if is_literal(origin.host) else self._look_up(origin.host, watch)
        if origin not in self._trusted:
            self._check_addresses(addresses)
        connection = self._connect_to_first(addresses[:MAX_ADDRESSES], origin.port, watch)
        try:
            watch.hold(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_addresses(self, addresses: Sequence[str]) -> None:
        """Raise Unfetchable unless all are public: one bad answer shows that somebody is trying."""
        if not all(is_public(address) for address in addresses):
            raise _forbidden("not a public address")

    def _look_up(self, host: str, watch: Watch) -> Sequence[str]:
        """Look a name up in a thread of its own, which is left behind when it takes too long."""
        if not self._lookups.acquire(timeout=watch.left_s):
            raise watch.timeout()
        answer: Future[Sequence[str]] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._resolver(host))
            except Exception as error:  # noqa: BLE001  (raised again where the answer is awaited)
                answer.set_exception(error)
            finally:
                self._lookups.release()

        Thread(target=ask, name="look-up", daemon=True).start()
        try:
            addresses = answer.result(watch.left_s)
        except TimeoutError:
            raise Unfetchable(FailureKind.TIMEOUT, "timeout, no answer from DNS") from None
        except (OSError, UnicodeError) as error:
            again = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
            clause = "name server does not answer" if again else "host name not found"
            raise Unfetchable(FailureKind.NETWORK, clause, again=again) from None
        if not addresses:
            raise Unfetchable(FailureKind.NETWORK, "host name not found")
        return addresses

    def _connect_to_first(self, addresses: Sequence[str], port: int, watch: Watch) -> socket.socket:
        clause = ""
        for address in addresses:
            watch.check()
            try:
                return self._connect(address, port, min(self._connect_timeout_s, watch.left_s))
            except ConnectionRefusedError:
                clause = "connection refused"
            except TimeoutError:
                clause = "host does not answer"
            except OSError:
                clause = "host cannot be reached"
        watch.check()
        raise Unfetchable(FailureKind.NETWORK, clause, again=True)


def _forbidden(clause: str) -> Unfetchable:
    return Unfetchable(FailureKind.FORBIDDEN_ADDRESS, f"refused, {clause}")
