"""A stand-in for Supabase Storage that answers as its source code does, HTTP 400 and all.

Source: routes/object/*.ts, plugins/jwt.ts and error-handler.ts of github.com/supabase/storage
(August 2026): most refusals are HTTP 400, and the body holds the status that is meant.
"""

import json
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from imagesignals_pipeline_tests.fetch.servers import Answer, Line, Seen, reply

SECRET = "sb_secret_abcDEF123_456"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJl"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJ1cmwiOiJiL3AifQ.dG9rZW4"

_OBJECT = re.compile(r"/storage/v1/object/(public|authenticated|sign)/([^/]+)/([^?]+)(?:\?(.*))?")
_RENDERED = re.compile(r"/storage/v1/render/image/(public|authenticated|sign)/.*")


@dataclass
class Supabase:
    """Buckets by name, public or private, with their pictures by name."""

    public: dict[str, dict[str, bytes]] = field(default_factory=dict[str, dict[str, bytes]])
    private: dict[str, dict[str, bytes]] = field(default_factory=dict[str, dict[str, bytes]])
    keys: tuple[str, ...] = (SECRET, JWT)
    forbidden: tuple[str, ...] = ()
    """Names that a wall in front of the storage refuses to everyone."""

    def __call__(self, line: Line, seen: Seen) -> object:
        """Answer one request."""
        return self._answer(seen)(line, seen)

    def _answer(self, seen: Seen) -> Answer:
        if _RENDERED.fullmatch(seen.path):
            return reply(200, b"encoded anew")
        if seen.path == "/storage/v1/bucket":
            return reply(200, b"[]") if self._accepted(seen) else _denied()
        match = _OBJECT.fullmatch(seen.path)
        if match is None:
            return error("404", "Not Found", "Route not found")
        access, bucket, name = match[1], unquote(match[2]), unquote(match[3])
        if name in self.forbidden:
            return reply(403, b"<html>blocked</html>")
        return self._object(access, bucket, name, match[4] or "", accepted=self._accepted(seen))

    def _object(self, access: str, bucket: str, name: str, query: str, *, accepted: bool) -> Answer:
        if access == "authenticated" and not accepted:
            return _denied()
        if access == "sign" and query != f"token={TOKEN}":
            return error("400", "InvalidJWT", "signature verification failed")
        open_buckets = self.public if access == "public" else {**self.private, **self.public}
        if bucket not in open_buckets:
            return error("404", "Bucket not found", "Bucket not found")
        picture = open_buckets[bucket].get(name)
        if picture is None:
            return error("404", "not_found", "Object not found")
        return reply(200, picture)

    def _accepted(self, seen: Seen) -> bool:
        """Secret keys are told by `apikey` alone; anything else must be a bearer token."""
        key, bearer = seen.headers.get("apikey"), seen.headers.get("authorization")
        if key is not None and key.startswith("sb_"):
            return key in self.keys and bearer is None
        return bearer is not None and bearer.removeprefix("Bearer ") in self.keys


def error(status: str, name: str, message: str) -> Answer:
    """Refuse as the storage does."""
    body = json.dumps({"statusCode": status, "error": name, "message": message})
    return reply(400, body.encode(), content_type="application/json")


def _denied() -> Answer:
    return error("403", "Unauthorized", "Invalid Compact JWS")
