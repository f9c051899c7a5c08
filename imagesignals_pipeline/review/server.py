"""Serves the review page on this machine alone."""

import hmac
import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from urllib.parse import parse_qs, quote, unquote
from uuid import UUID

import uvicorn
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagesignals_pipeline import store
from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline.review import groups, page, pictures
from imagesignals_pipeline.review.filters import LAST, Filters, Place, read_filters, read_place
from imagesignals_pipeline.review.groups import Group
from imagesignals_pipeline.review.page import Html, Part, Session
from imagesignals_pipeline.store import Decided, Decision, DecisionRefusedError

LOOPBACK = "127.0.0.1"
MAX_BODY = 32 * 1024
"""Bytes of a form; the longest note takes 24,000 where each of its letters has four bytes."""
PAGE_SIZE = 20
COPIES_A_PAGE = 50
"""Copies of one group; a picture that a server sends for all that it lacks has thousands."""
MAX_DIGITS = 9
PATIENCE_S = 5
COOKIE = "imagesignals_reviewer"
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PortTakenError(OperatorError):
    """Nothing can be served at the port."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the page works with: the database, and a secret that only its own forms know.

    `zone` is in what zone times are shown.
    """

    engine: Engine
    explain: Callable[[SQLAlchemyError], str]
    show_pictures: bool = True
    zone: tzinfo = UTC
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


def listen(port: int) -> socket.socket:
    """Return a socket on the loopback address; port 0 takes any that is free.

    Raises:
        PortTakenError: Somebody else listens there.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise PortTakenError(
            f"Port {port} cannot be used ({error.strerror}): name another with --port."
        ) from None
    return listening


def web_server(desk: Desk, listening: socket.socket) -> uvicorn.Server:
    """Return what serves the page; its `run` ends with SIGINT or SIGTERM."""
    port: int = listening.getsockname()[1]
    config = uvicorn.Config(
        application(desk, port),
        access_log=False,
        http="h11",
        lifespan="off",
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=PATIENCE_S,
        ws="none",
    )
    return uvicorn.Server(config)


def serve(desk: Desk, listening: socket.socket) -> None:
    """Serve the page until somebody stops it (Ctrl-C), which is how it is meant to end."""
    with suppress(KeyboardInterrupt):  # raised once more by uvicorn when all is closed
        web_server(desk, listening).run(sockets=[listening])


def application(desk: Desk, port: int) -> Starlette:
    """Return the page as it is served at a port."""
    review = _Review(desk)
    return Starlette(
        routes=[
            Route("/", review.list, methods=["GET"]),
            Route("/group/{id:uuid}", review.group, methods=["GET"]),
            Route("/group/{id:uuid}", review.decide, methods=["POST"]),
            Route("/picture/{id:uuid}", review.picture, methods=["GET"]),
        ],
        middleware=[Middleware(_OwnPageOnly, port=port)],
        exception_handlers={
            HTTPException: _not_served,
            OperatorError: _refused,
            SQLAlchemyError: review.database_trouble,
        },
    )


class _OwnPageOnly:
    """Answers whoever speaks to this machine by its name, and takes forms of its own pages only.

    A page elsewhere can make a browser ask here, under a name of its own that leads to this machine
    (DNS rebinding) or with a form of its own; the Host and Origin that the browser then names are
    not ours.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in (LOOPBACK, "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        request = Request(scope)
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if host not in self._hosts:
            answer = _html(
                page.problem_page(
                    "Not here", "Open this page by the address that `imagesignals review` printed."
                ),
                421,
            )
        elif request.method not in {"GET", "HEAD"} and origin != f"http://{host}":
            answer = _html(
                page.problem_page("Refused", "This form was not sent by the review page itself."),
                403,
            )
        else:
            await self._app(scope, receive, with_headers)
            return
        await answer(scope, receive, with_headers)


class _Review:
    """The handlers; each opens a connection of its own and works in a thread of Starlette's."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def decide(self, request: Request) -> Response:
        """Record a decision; whatever refuses it gives the note back."""
        form = await _form(request)
        request.state.note = form.get("note", "")
        return await run_in_threadpool(self._decide, request, form)

    def database_trouble(self, request: Request, error: Exception) -> Response:
        """Say in one line what the database refused."""
        assert isinstance(error, SQLAlchemyError)
        return _problem(request, "The database cannot be read", self._desk.explain(error), 503)

    def list(self, request: Request) -> Response:
        """Answer with a page of groups."""
        filters, place = read_filters(request.query_params), read_place(request.query_params)
        with self._desk.engine.begin() as connection:
            found = groups.page(connection, filters, place, page_size=PAGE_SIZE)
            if found.total and not found.groups:  # what stood here has left the list
                place = LAST
                found = groups.page(connection, filters, place, page_size=PAGE_SIZE)
            counts = groups.counts(connection)
            coverage = None if counts.copies else groups.coverage(connection)
        shown = page.list_page(
            found, counts, filters, place.words(), self._session(request), coverage=coverage
        )
        return _html(shown)

    def group(self, request: Request) -> Response:
        """Answer with one group."""
        original: UUID = request.path_params["id"]
        with self._desk.engine.begin() as connection:
            earlier = groups.original_of(connection, original)
            if earlier is not None:  # an older submission has become the original
                words = request.query_params
                return RedirectResponse(page.address(f"/group/{earlier}", dict(words)), 303)
            group = groups.group(connection, original)
            if group is None:
                raise HTTPException(404)
            return self._shown(connection, group, request, request.query_params)

    def _shown(
        self,
        connection: Connection,
        group: Group,
        request: Request,
        words: Mapping[str, str],
        problem: str = "",
    ) -> Response:
        """Answer with a group; where there is a problem, `words` is the form that was refused."""
        filters, here = read_filters(words), read_place(words)
        part = Part.of(len(group.copies), _number(words.get("part", "")), COPIES_A_PAGE)
        seen = Group(group.original, group.copies[part.first - 1 : part.last])
        ids = [each.id for each in (seen.original, *seen.copies)]
        stored = groups.payloads(connection, ids) if self._desk.show_pictures else {}
        shown = page.group_page(
            group,
            pictures.pairs(seen, stored),
            filters,
            here.words(),
            self._session(request),
            part=part,
            following=_following(connection, filters, group.place),
            saved=words.get("saved", ""),
            problem=problem,
            typed=words if problem else None,
        )
        return _html(shown, 409 if problem else 200)

    def picture(self, request: Request) -> Response:
        """Answer with a stored picture."""
        wanted: UUID = request.path_params["id"]
        if not self._desk.show_pictures:
            raise HTTPException(404)
        with self._desk.engine.begin() as connection:
            stored = groups.payloads(connection, [wanted]).get(wanted)
        found = pictures.media(stored) if stored else None
        if found is None:
            raise HTTPException(404)
        return Response(found.content, media_type=found.media_type)

    def _decide(self, request: Request, form: Mapping[str, str]) -> Response:
        original: UUID = request.path_params["id"]
        if not hmac.compare_digest(form.get("token", "").encode(), self._desk.token.encode()):
            raise HTTPException(403, "The page is older than this program: open the group again.")
        decided = _decided(original, form)
        try:
            with self._desk.engine.begin() as connection:
                store.record(connection, decided)
        except DecisionRefusedError as refused:
            with self._desk.engine.begin() as connection:
                group = groups.group(connection, original)
                if group and decided.copy_id in {each.id for each in group.copies}:
                    return self._shown(connection, group, request, form, str(refused))
                now = groups.original_of(connection, decided.copy_id)
            told = page.problem_page(
                "Nothing was recorded", str(refused), note=decided.note, group=now
            )
            return _html(told, 409)
        part = {"part": form["part"]} if form.get("part") else {}
        saved = {"saved": form["copy_id"]}
        words = (read_filters(form).words(), read_place(form).words(), part, saved)
        answer = RedirectResponse(
            f"{page.address(f'/group/{original}', *words)}#copy-{decided.copy_id}", 303
        )
        answer.set_cookie(
            COOKIE, quote(decided.reviewer[: store.MAX_REVIEWER]), httponly=True, samesite="strict"
        )
        return answer

    def _session(self, request: Request) -> Session:
        return Session(
            token=self._desk.token,
            reviewer=unquote(request.cookies.get(COOKIE, ""))[: store.MAX_REVIEWER],
            pictures=self._desk.show_pictures,
            zone=self._desk.zone,
        )


def _following(connection: Connection, filters: Filters, place: Place) -> UUID | None:
    """Return the original of the next group of the list."""
    found = groups.page(connection, filters, place, page_size=1).groups
    return found[0].original.id if found else None


def _decided(original: UUID, form: Mapping[str, str]) -> Decided:
    """Read a decision from a form."""
    try:
        return Decided(
            request_id=UUID(form["request_id"]),
            copy_id=UUID(form["copy_id"]),
            original_id=original,
            copy_sha256=bytes.fromhex(form["copy_sha256"]),
            original_sha256=bytes.fromhex(form["original_sha256"]),
            decision=Decision(form["verdict"]),
            reviewer=form.get("reviewer", ""),
            note=form.get("note", ""),
        )
    except (KeyError, ValueError):
        raise HTTPException(400, "The form is incomplete: open the group again.") from None


async def _form(request: Request) -> dict[str, str]:
    """Read a form of bounded size; of a field that is there twice the last counts."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise HTTPException(413, "The form is too large: shorten the note.")
    try:
        read = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=30)
    except ValueError:
        raise HTTPException(400, "The form cannot be read.") from None
    return {name: values[-1] for name, values in read.items()}


def _number(text: str) -> int:
    """Read which part of a group is meant; the first one where it is no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < MAX_DIGITS else 1


def _problem(request: Request, title: str, said: str, status: int) -> Response:
    """Say what is wrong; who sent a form gets its note back, and the way to its group."""
    group = request.path_params.get("id") if request.method == "POST" else None
    note = getattr(request.state, "note", "")
    return _html(page.problem_page(title, said, note=note, group=group), status)


async def _refused(request: Request, error: Exception) -> Response:
    """Say what is wrong with what was asked."""
    return _problem(request, "This cannot be shown", str(error), 400)


async def _not_served(request: Request, error: Exception) -> Response:
    """Answer what is not there, or not as asked."""
    assert isinstance(error, HTTPException)
    missing = "There is no such page. A group ends when its copies are no copies any more."
    said = missing if error.status_code == 404 else error.detail  # noqa: PLR2004 - not found
    title = "Not found" if said is missing else "Refused"
    return _problem(request, title, said, error.status_code)


def _html(shown: Html, status: int = 200) -> Response:
    headers = {"Content-Security-Policy": shown.policy}
    return Response(shown.text, status, headers, media_type="text/html; charset=utf-8")
