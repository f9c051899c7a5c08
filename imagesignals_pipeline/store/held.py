"""What was read of a database, or sent to it, and stays true: kept for the next batch in bounds.

Payloads and their heads are functions of a picture's pixels and of the version that made them, and
a row is what it is until its version changes. A batch asks for many of those that the batch before
asked for: up to 5,000 places and heads and some hundred payloads, several MB, which a hosted
database sends over the internet and may charge for. Nothing is decided by what is held: which of
them there are is asked of the database every time.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from threading import Lock
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

Key = tuple[int, bytes]
"""A version of the algorithm, and the digest of a picture's pixels."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Held(Generic[K, V]):
    """What was asked for last; may be used by several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values = OrderedDict[K, V]()
        self._lock = Lock()

    def known(self, keys: Iterable[K]) -> dict[K, V]:
        """Return those that are held, which are then the last to be dropped."""
        with self._lock:
            found = {key: self._values[key] for key in keys if key in self._values}
            for key in found:
                self._values.move_to_end(key)
        return found

    def keep(self, fresh: Mapping[K, V]) -> None:
        """Hold these too, in the place of those asked for longest ago."""
        with self._lock:
            self._values.update(fresh)
            while len(self._values) > self._most:
                self._values.popitem(last=False)


class OfEachDatabase(Generic[K, V]):
    """What is held of databases, a bounded part of each."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: WeakKeyDictionary[Engine, Held[K, V]] = WeakKeyDictionary()

    def __call__(self, connection: Connection) -> Held[K, V]:
        """Return what is held of a connection's database."""
        return self._held.setdefault(connection.engine, Held(self._most))


payloads: Final = OfEachDatabase[Key, bytes](500)
heads: Final = OfEachDatabase[Key, bytes](5_000)
"""Some 8 and 13 MB."""
