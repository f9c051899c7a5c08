"""What was read of a database and never changes: kept for the next batch, within bounds.

Payloads and descriptors are functions of a picture's pixels and of the version that made them. A
batch asks for many of those that the batch before asked for: up to 5,000 descriptors and some
hundred payloads, a few MB, which a hosted database sends over the internet and may charge for.
Nothing is decided by what is held: which of them there are is asked of the database every time.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

PAYLOADS: Final = 500
DESCRIPTORS: Final = 10_000
"""Most that are kept of each, some 8 and 10 MB."""

Key = tuple[int, bytes]
"""A version of the algorithm, and the digest of a picture's pixels."""


class Held:
    """The bytes that were asked for last; may be used by several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = OrderedDict[Key, bytes]()
        self._lock = Lock()

    def known(self, keys: Iterable[Key]) -> dict[Key, bytes]:
        """Return those that are held, which are then the last to be dropped."""
        with self._lock:
            found = {key: self._bytes[key] for key in keys if key in self._bytes}
            for key in found:
                self._bytes.move_to_end(key)
        return found

    def keep(self, fresh: Mapping[Key, bytes]) -> None:
        """Hold these too, in the place of those asked for longest ago."""
        with self._lock:
            self._bytes.update(fresh)
            while len(self._bytes) > self._most:
                self._bytes.popitem(last=False)


_payloads: WeakKeyDictionary[Engine, Held] = WeakKeyDictionary()
_descriptors: WeakKeyDictionary[Engine, Held] = WeakKeyDictionary()


def payloads(connection: Connection) -> Held:
    """Return the payloads held of a connection's database."""
    return _payloads.setdefault(connection.engine, Held(PAYLOADS))


def descriptors(connection: Connection) -> Held:
    """Return the descriptors held of a connection's database."""
    return _descriptors.setdefault(connection.engine, Held(DESCRIPTORS))
