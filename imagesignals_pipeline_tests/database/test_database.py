"""Reaching a PostgreSQL: bounds on each connection, and what is said when it fails."""

import os
import re
import signal
import socket
import socketserver
import struct
import threading
import time
import traceback
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from uuid import uuid4

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from imagesignals_pipeline import database
from imagesignals_pipeline.database import DatabaseUnusableError, connect, explain

SECRET = "geheimnis-4711"


@dataclass
class Impostor:
    """A listener on loopback that answers each client as it is told, and notes what it was sent."""

    answer: bytes
    port: int
    tls: bytes = b"N"
    startups: list[bytes] = field(default_factory=list[bytes])

    def url(self, *, query: str = "") -> str:
        """Return a URL that leads here, with a secret in it."""
        return f"postgres://someone:{SECRET}@127.0.0.1:{self.port}/payments{query}"

    def serve(self, listener: socket.socket) -> None:
        """Answer one client after another until the listener is closed."""
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                request = client.recv(4096)
                if request[4:8] == struct.pack("!I", 80877103):  # a request for TLS
                    client.sendall(self.tls)
                    request = client.recv(4096)
                self.startups.append(request)
                client.sendall(self.answer)


@contextmanager
def impostor(answer: bytes, *, tls: bytes = b"N") -> Generator[Impostor]:
    """Pretend to be a PostgreSQL for the length of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pretender = Impostor(answer, listener.getsockname()[1], tls)
        thread = threading.Thread(target=pretender.serve, args=[listener])
        thread.start()
        try:
            yield pretender
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def refusal(message: str) -> bytes:
    """Return PostgreSQL's packet for a fatal error."""
    fields = f"SFATAL\0VFATAL\0CXX000\0M{message}\0\0".encode()
    return b"E" + struct.pack("!I", len(fields) + 4) + fields


def refused(url: str) -> str:
    """Return what `check` says of a database, after making sure that it keeps the secret."""
    engine = database.engine(url)
    with pytest.raises(DatabaseUnusableError) as unusable:
        database.check(engine)
    trace = "".join(traceback.format_exception(unusable.value))
    engine.dispose()
    assert SECRET not in f"{unusable.value!r} {trace} {engine!r} {engine.url} {engine.url!r}"
    assert "\n" not in str(unusable.value)
    return str(unusable.value)


def failure(engine: Engine, *statements: str, **values: object) -> DBAPIError:
    """Run statements, of which the last must fail, and return its error."""
    with engine.connect() as connection:
        for statement in statements[:-1]:
            connection.execute(text(statement))
        with pytest.raises(DBAPIError) as failed:
            connection.execute(text(statements[-1]), values)
    return failed.value


def test_what_the_next_one_would_hear_too(empty_database_url: str) -> None:
    """Who is not let in, or finds no table, need not ask again; a lost connection says nothing."""
    with database.connected(f"{empty_database_url}&dbname=none") as engine:
        with pytest.raises(DBAPIError) as refusing:
            engine.connect()
        assert database.is_lasting(refusing.value)
    with database.connected(empty_database_url, statement_timeout_s=1) as engine:
        assert database.is_lasting(failure(engine, "select from payment_image_signals"))
        read_only = failure(engine, "set transaction read only", "create table mine ()")
        assert database.is_lasting(read_only)
        assert not database.is_lasting(failure(engine, "select pg_sleep(5)"))
        assert not database.is_lasting(failure(engine, "select 1 / 0"))
        ended = failure(engine, "select pg_terminate_backend(pg_backend_pid())")
        assert not database.is_lasting(ended)
    assert not database.is_lasting(NoConnectionFree())


def test_a_good_database_passes(empty_database_url: str) -> None:
    """A server that is new enough and reachable is accepted without a word."""
    with database.connected(empty_database_url) as engine:
        database.check(engine)


@pytest.mark.parametrize(
    ("part", "value", "told"),
    [
        ("password", SECRET, "refused the user or the password"),
        ("user", "stranger", "refused the user or the password"),
        ("dbname", "none", "no database of that name"),
    ],
)
def test_what_a_real_server_refuses(
    empty_database_url: str, part: str, value: str, told: str
) -> None:
    """Wrong password, unknown user and missing database each have a line of their own."""
    assert told in refused(f"{empty_database_url}&{part}={value}")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ('no pg_hba.conf entry for host "::1", user "u", database "d", no encryption', "sslmode"),
        ("SSL connection is required", "sslmode=require"),
        ("connection is insecure (try using `sslmode=require`)", "sslmode=require"),
        ('no pg_hba.conf entry for host "::1", user "u", database "d", SSL on', "pg_hba.conf"),
        ("Tenant or user not found", "refused the user or the password"),
        ("SASL authentication failed", "refused the user or the password"),
        ("no such database: payments", "no database of that name"),
        ("sorry, too many clients already", "no free connection"),
        ("Max client connections reached", "no free connection"),
        ("the database system is starting up", "starting or stopping"),
        ("etwas anderes", "FATAL: etwas anderes"),
    ],
)
def test_what_other_servers_and_poolers_refuse(message: str, told: str) -> None:
    """What servers behind TLS, in other states and poolers say is told in our words, or quoted."""
    with impostor(refusal(message)) as server:
        assert told in refused(server.url())


def test_tls_that_is_not_there_is_told() -> None:
    """Who demands TLS of a server without it learns that, and is not connected in the clear."""
    with impostor(refusal("not reached")) as server:
        assert "no TLS" in refused(server.url(query="?sslmode=require"))
    assert server.startups == [b""]


def test_a_certificate_that_is_not_there_is_told() -> None:
    """A demand to verify without certificates names the parameter to correct."""
    with impostor(refusal("not reached"), tls=b"S") as server:
        query = "?sslmode=verify-full&sslrootcert=/nonexistent/root.crt"
        assert "sslrootcert" in refused(server.url(query=query))


def test_a_web_server_is_not_a_database() -> None:
    """Something else that listens there is told from a database."""
    with impostor(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        assert "not PostgreSQL" in refused(server.url())


def test_nothing_listening_is_told() -> None:
    """A port without a server, and a socket that is not there, are told as such."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "Nothing answers" in refused(f"postgres://u:{SECRET}@127.0.0.1:{port}/d")
    assert "Nothing answers" in refused(f"postgres://u:{SECRET}@/d?host=/nonexistent")


def test_an_unknown_host_is_told() -> None:
    """A host that no name server knows is told as such."""
    assert "no host of that name" in refused(f"postgres://u:{SECRET}@nowhere.invalid/d")


def test_silence_is_told() -> None:
    """A server that accepts and says nothing is given up after the URL's connect_timeout."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        url = f"postgres://u:{SECRET}@127.0.0.1:{port}/d?connect_timeout=2"
        assert "does not answer" in refused(url)


@pytest.mark.parametrize(
    ("number", "told"),
    [(130_014, "PostgreSQL 13"), (90_624, "PostgreSQL 9"), (140_000, ""), (180_006, "")],
)
def test_old_servers_are_refused(number: int, told: str) -> None:
    """Version 14 is the oldest that will do."""
    assert told in connect._too_old(number)
    assert bool(told) == bool(connect._too_old(number))


def test_a_database_without_an_encoding_is_refused(empty_database_url: str) -> None:
    """In SQL_ASCII the first accent in an address would end a run: it is told beforehand."""
    name = f"ascii_{uuid4().hex}"
    url = make_url(empty_database_url)
    with database.connected(url) as engine:
        autocommit = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with autocommit as connection:
            connection.execute(
                text(f"create database {name} encoding 'SQL_ASCII' template template0 locale 'C'")
            )
            said = refused(url.set(database=name).render_as_string(hide_password=False))
            connection.execute(text(f"drop database {name} with (force)"))
    assert "SQL_ASCII" in said
    assert "ENCODING 'UTF8'" in said


def test_poolers_get_no_parameter_that_they_refuse() -> None:
    """The startup packet holds only what PgBouncer takes without being configured for it."""
    with impostor(refusal("enough")) as server:
        refused(server.url(query="?pgbouncer=true&connection_limit=1"))
        words = server.startups[0][8:].rstrip(b"\0").split(b"\0")
    given = dict(zip(words[::2], words[1::2], strict=True))
    assert given == {
        b"user": b"someone",
        b"database": b"payments",
        b"application_name": b"imagesignals",
        b"client_encoding": b"utf8",
    }


def test_each_transaction_is_bounded_and_in_utc(empty_database_url: str) -> None:
    """Limits and time zone hold in every transaction and end with it, as poolers demand."""
    name = make_url(empty_database_url).database
    settings = ("timezone", "statement_timeout", "lock_timeout")
    ask = text("select " + ", ".join(f"current_setting('{s}')" for s in settings))
    with database.connected(empty_database_url, statement_timeout_s=7, lock_timeout_s=0) as engine:
        with engine.begin() as connection:
            connection.execute(text(f"alter database {name} set timezone = 'Asia/Kolkata'"))
        engine.dispose()
        with engine.connect() as connection:
            for _ in range(2):
                assert tuple(connection.execute(ask).one()) == ("UTC", "7s", "0")
                connection.commit()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            assert tuple(connection.execute(ask).one()) == ("Asia/Kolkata", "0", "0")


def test_a_hosts_limit_for_transactions_is_not_ours(empty_database_url: str) -> None:
    """PostgreSQL 17 and newer can end a transaction, as one that holds a batch, by its age."""
    name = make_url(empty_database_url).database
    with database.connected(empty_database_url) as engine:
        with engine.begin() as connection:
            if not connection.scalar(text("select current_setting('transaction_timeout', true)")):
                pytest.skip("this server has no such limit")
            connection.execute(text(f"alter database {name} set transaction_timeout = '500ms'"))
        engine.dispose()
        with engine.begin() as connection:
            time.sleep(1)
            assert connection.scalar(text("show transaction_timeout")) == "0"


WHO_ANSWERS = re.compile(rb"K\0\0\0\x0c.{8}", re.DOTALL)
"""The message that names the server's process, and the key to cancel its work."""
NOBODY = b"K\0\0\0\x0c" + bytes(8)


class Relay(socketserver.StreamRequestHandler):
    """Passes everything on between a client and a server's socket, and hides who answers."""

    def handle(self) -> None:
        """Serve a client until one of the two hangs up."""
        assert isinstance(self.server, Pooler)
        with socket.socket(socket.AF_UNIX) as behind:
            behind.connect(str(self.server.behind))
            sent = self.server.sent
            threading.Thread(target=self._pass, args=[self.request, behind, sent]).start()
            self._pass(behind, self.request, bytearray())

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket, seen: bytearray) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                seen += content
                sink.sendall(WHO_ANSWERS.sub(NOBODY, content))
            sink.shutdown(socket.SHUT_RDWR)


class Pooler(socketserver.ThreadingTCPServer):
    """Stands between us and a server, as a pooler does, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self, behind: Path) -> None:
        super().__init__(("127.0.0.1", 0), Relay)
        self.behind = behind
        self.sent = bytearray()


@contextmanager
def pooled(url: str) -> Generator[tuple[str, Pooler]]:
    """Put a pooler before a server of a Unix socket; yield it with the URL that leads through."""
    direct = make_url(url)
    folder, port = direct.query["host"], direct.query["port"]
    with Pooler(Path(f"{folder}/.s.PGSQL.{port}")) as pooler:
        thread = threading.Thread(target=pooler.serve_forever, args=[0.05])
        thread.start()
        through = direct.set(host="127.0.0.1", port=pooler.server_address[1], query={})
        try:
            yield through.render_as_string(hide_password=False), pooler
        finally:
            pooler.shutdown()
            thread.join()


def prepared(url: str) -> int:
    """Return how many statements are prepared after one was run ten times, each time committed."""
    with database.connected(url) as engine:
        for number in range(10):
            with engine.begin() as connection:
                connection.execute(text("select cast(:number as integer)"), {"number": number})
        with engine.connect() as connection:
            count = text("select count(*) from pg_prepared_statements")
            return connection.execute(count).scalar_one()


def test_statements_are_prepared_where_the_server_itself_answers(empty_database_url: str) -> None:
    """A pooler would look for them on another of its connections."""
    assert prepared(empty_database_url) > 0
    with pooled(empty_database_url) as (url, _):
        assert prepared(url) == 0


def test_digests_are_sent_as_they_are(empty_database_url: str) -> None:
    """Written out as hexadecimal digits in an array's braces they cost the server a tenth more."""
    digests = [bytes(range(128 + first, 160 + first)) for first in range(3)]
    with pooled(empty_database_url) as (url, pooler), database.connected(url) as engine:
        with engine.begin() as connection:
            asked = text("select cast(:digests as bytea [])")
            assert connection.execute(asked, {"digests": digests}).scalar_one() == digests
        assert all(digest in pooler.sent for digest in digests)


def test_the_operators_own_parameters_win(empty_database_url: str) -> None:
    """A parameter in the URL is not overridden by ours."""
    with (
        database.connected(f"{empty_database_url}&application_name=mine") as engine,
        engine.connect() as c,
    ):
        assert c.execute(text("show application_name")).scalar_one() == "mine"
    with database.connected(empty_database_url) as engine, engine.connect() as c:
        assert c.execute(text("show application_name")).scalar_one() == "imagesignals"


def test_whoever_waited_sees_what_was_done(empty_database_url: str) -> None:
    """Also where a login's transactions are otherwise of one moment."""
    strict = "-c default_transaction_isolation=serializable"
    with database.connected(empty_database_url, statement_timeout_s=9) as engine:
        url = engine.url.update_query_dict({"options": strict})
    with database.connected(url) as engine, engine.connect() as c:
        assert c.execute(text("show default_transaction_isolation")).scalar_one() == "serializable"
        assert c.execute(text("show transaction_isolation")).scalar_one() == "read committed"


def test_a_connection_that_was_dropped_is_made_anew(empty_database_url: str) -> None:
    """A server that was restarted, or a firewall, says nothing of it before it is asked."""
    with (
        database.connected(empty_database_url) as engine,
        database.connected(empty_database_url) as other,
    ):
        with engine.connect() as c:
            before = c.execute(text("select pg_backend_pid()")).scalar_one()
        with other.connect() as c:
            c.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": before})
        with engine.connect() as c:
            assert c.execute(text("select pg_backend_pid()")).scalar_one() != before


def test_a_connection_that_was_closed_is_made_anew(empty_database_url: str) -> None:
    """The driver knows already that it has ended."""
    with database.connected(empty_database_url) as engine:
        with engine.connect() as c:
            driver = c.connection.driver_connection
        assert driver is not None
        driver.close()
        with engine.connect() as c:
            assert c.connection.driver_connection is not driver


class Interrupted(BaseException):
    """What Dagster raises when it is asked to stop, wherever the program is."""


def test_an_interrupt_stays_one(empty_database_url: str) -> None:
    """Also while a connection is asked whether it is still there."""

    def interrupt(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, interrupt)
    with database.connected(empty_database_url) as engine:
        with engine.connect() as c:
            server: int = c.execute(text("select pg_backend_pid()")).scalar_one()
        os.kill(server, signal.SIGSTOP)
        asking = Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1))
        asking.start()
        try:
            with pytest.raises(Interrupted):
                engine.connect()
        finally:
            os.kill(server, signal.SIGCONT)
            signal.signal(signal.SIGUSR1, before)
        with engine.connect() as c:  # in which state the other one is, nobody knows
            assert c.execute(text("select pg_backend_pid()")).scalar_one() != server


def test_an_endless_statement_ends(empty_database_url: str) -> None:
    """A statement that runs too long is ended by the server, and the operator is told."""
    with database.connected(empty_database_url, statement_timeout_s=1) as engine:
        told = explain(failure(engine, "select pg_sleep(20)"))
    assert told == (
        "The database refused: canceling statement due to statement timeout; "
        "try again when the database has less to do."
    )


def test_waiting_for_a_lock_ends(empty_database_url: str) -> None:
    """Who waits too long for somebody's lock is told so."""
    with (
        database.connected(empty_database_url, lock_timeout_s=1) as engine,
        engine.connect() as holder,
    ):
        holder.execute(text("select pg_advisory_xact_lock(1)"))
        told = explain(failure(engine, "select pg_advisory_xact_lock(1)"))
    assert "another program holds a lock" in told


SETUP = (
    "create temporary table shots (id uuid unique, url text not null, kind text check (kind = ''))"
)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("insert into shots (url, kind) values (:url, :url)", id="check"),
        pytest.param("insert into shots (id, kind, url) values (null, :url, null)", id="null"),
        pytest.param("select cast(:url as uuid)", id="uuid"),
        pytest.param("select cast(:url as timestamptz)", id="date"),
        pytest.param("select :url + nonsense", id="line"),
    ],
)
def test_errors_hold_no_value(empty_database_url: str, statement: str) -> None:
    """What PostgreSQL quotes of rows and statements stays out of texts, traces and explanations."""
    url = f"https://storage/receipt.png?token={SECRET}"
    with database.connected(empty_database_url) as engine:
        error = failure(engine, SETUP, statement, url=url)
    shown = "".join(traceback.format_exception(error)) + str(error) + repr(error.orig)
    assert error.orig is not None
    assert SECRET not in shown + explain(error)
    assert type(error.orig).__name__ in shown


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (["select * from payment_image_signals"], "run `imagesignals migrate`."),
        (["set transaction read only", "create table t ()"], "it only reads at present"),
        (["select pg_terminate_backend(pg_backend_pid())"], "what was reported as processed"),
    ],
)
def test_failed_statements_say_what_to_do(
    empty_database_url: str, statements: list[str], told: str
) -> None:
    """Foreseen errors of statements come with a way out."""
    with database.connected(empty_database_url) as engine:
        assert told in explain(failure(engine, *statements))


def test_a_missing_right_is_named(empty_database_url: str) -> None:
    """Without the right to read a table the operator learns which one, and to grant it."""
    role = f"reader_{uuid4().hex}"
    with database.connected(empty_database_url) as engine:
        with engine.begin() as connection:
            connection.execute(text("create table payment_submissions ()"))
        told = explain(
            failure(
                engine,
                f"create role {role}",
                f"set local role {role}",
                "select * from payment_submissions",
            )
        )
    assert told == (
        "The database refused: permission denied for table payment_submissions; "
        "grant it to the user of the database URL, or name a user who may."
    )


def test_a_pool_without_connections_is_told() -> None:
    """An error that is SQLAlchemy's own is quoted in one line, without the link to its pages."""
    error = NoConnectionFree("QueuePool limit of size 5 reached", code="3o7r")
    assert explain(error) == "The database cannot be used. QueuePool limit of size 5 reached"


def test_a_lost_connection_is_replaced(empty_database_url: str) -> None:
    """After the server ended our session the next use of the pool works."""
    with database.connected(empty_database_url) as engine:
        with engine.connect() as connection:
            victim = connection.execute(text("select pg_backend_pid()")).scalar_one()
        with database.connected(empty_database_url) as other, other.connect() as connection:
            connection.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": victim})
        with engine.connect() as connection:
            assert connection.execute(text("select 1")).scalar_one() == 1
