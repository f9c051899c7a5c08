"""Payloads at rest: as they are or, where the operator has set a key, encrypted.

By Fernet (AES-128-CBC, authenticated by HMAC-SHA256) of cryptography, an optional dependency; its
tokens are stored as bytes and not in base64. Payloads that were stored before the key was set stay
readable: the first byte tells them apart.
"""

import importlib
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Connection

from imagesignals_pipeline import settings
from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline.sql import query
from imagesignals_pipeline.store.turns import in_turn

SEALED: Final = 0x80
"""First byte of a Fernet token; a payload begins with its version, which is lower."""
_OPENED = "imagesignals_thumbnails_opened"
PORTION: Final = 200
"""Payloads, some 3 MB, that are encrypted in one transaction."""


class ThumbnailsLockedError(OperatorError):
    """Stored thumbnails cannot be read, or not encrypted; the text says what to set."""


@dataclass(frozen=True, slots=True)
class Resealed:
    """One portion: how many payloads were encrypted, and the last submission looked at, if any."""

    written: int
    last: UUID | None


def seal(payload: bytes) -> bytes:
    """Return a payload as it is to be stored; an empty one shows nothing, and stays empty."""
    keys = settings.thumbnail_keys(os.environ)
    return _encrypted(payload, keys) if keys and payload else payload


def unseal(stored: bytes) -> bytes:
    """Return the payload that was stored.

    Raises:
        ThumbnailsLockedError: It was encrypted, and no key that is set opens it.
    """
    if not _is_sealed(stored):
        return stored
    keys = settings.thumbnail_keys(os.environ)
    if not keys:
        raise ThumbnailsLockedError(
            f"Set {settings.THUMBNAIL_KEY}: thumbnails in image_fingerprints are encrypted."
        )
    payload = _decrypted(stored, keys)
    if payload is None:
        raise ThumbnailsLockedError(
            f"Add the former key to {settings.THUMBNAIL_KEY}, after a comma: thumbnails in "
            "image_fingerprints are encrypted with another one."
        )
    return payload


def require_key(connection: Connection) -> None:
    """Return when what is stored already can be opened; looks at some, until there are any.

    Whoever stores thumbnails without the key that others use, or with one of its own, would
    otherwise hear of it only when it has to read one of theirs.

    Raises:
        ThumbnailsLockedError: It cannot.
    """
    if not connection.info.get(_OPENED):
        found = connection.execute(query("some_sealed_payloads")).scalars().all()
        for stored in found:
            unseal(bytes(stored))
        connection.info[_OPENED] = bool(found)


def reseal(connection: Connection, after: UUID | None) -> Resealed:
    """Encrypt payloads that are not, or with another key than the first one that is set.

    Args:
        connection: In a transaction of the caller's.
        after: The last submission of the portion before; None begins.

    Raises:
        ThumbnailsLockedError: No key is set, or none opens one of the payloads.
        TablesBusyError: Other writers did not let go of the tables in time.
    """
    keys = settings.thumbnail_keys(os.environ)
    if not keys:
        raise ThumbnailsLockedError(
            f"Set {settings.THUMBNAIL_KEY} to what `openssl rand -base64 {settings.KEY_BYTES}` "
            "prints."
        )
    return in_turn(connection, lambda: _reseal(connection, after, keys))


def _reseal(connection: Connection, after: UUID | None, keys: tuple[str, ...]) -> Resealed:
    parameters = {"after": after, "row_limit": PORTION}
    rows = connection.execute(query("stored_payloads"), parameters).all()
    others = [
        {"id": row.id, "payload": _encrypted(unseal(stored), keys)}
        for row in rows
        for stored in [bytes(row.payload)]
        if not _is_sealed(stored) or _decrypted(stored, keys[:1]) is None
    ]
    if others:
        connection.execute(query("save_payload"), others)
    return Resealed(len(others), rows[-1].id if rows else None)


def _is_sealed(stored: bytes) -> bool:
    return stored[:1] == bytes([SEALED])


def _encrypted(payload: bytes, keys: tuple[str, ...]) -> bytes:
    return urlsafe_b64decode(_ring(keys).encrypt(payload))


def _decrypted(stored: bytes, keys: tuple[str, ...]) -> bytes | None:
    try:
        return cast(bytes, _ring(keys).decrypt(urlsafe_b64encode(stored)))
    except _fernet().InvalidToken:
        return None


@lru_cache
def _ring(keys: tuple[str, ...]) -> Any:  # noqa: ANN401 - of an optional dependency
    fernet = _fernet()
    return fernet.MultiFernet([fernet.Fernet(key) for key in keys])


def _fernet() -> Any:  # noqa: ANN401 - an optional dependency
    try:
        return importlib.import_module("cryptography.fernet")
    except ImportError:
        raise ThumbnailsLockedError(
            f"{settings.THUMBNAIL_KEY} needs cryptography: run `pip install cryptography` in this "
            "environment."
        ) from None
