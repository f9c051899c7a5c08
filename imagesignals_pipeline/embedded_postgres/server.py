"""One server shared by many processes: started by the first, stopped by the last."""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql
from sqlalchemy import URL

from imagesignals_pipeline.embedded_postgres import programs
from imagesignals_pipeline.embedded_postgres.cluster import PORT, START_TIMEOUT_S, USER, Cluster
from imagesignals_pipeline.embedded_postgres.programs import EmbeddedPostgresError

LOCK_TIMEOUT_S = 2 * START_TIMEOUT_S


class EmbeddedPostgres:
    """A PostgreSQL server in `home`, for as long as somebody holds a lease on it.

    As a context manager it takes a lease, starts the server where it is down, and stops it when
    the last lease is given back. The kernel keeps the leases (`flock`), so none outlives its
    process; a child that inherits `lease_fd` shares its parent's. Whoever is killed leaves the
    server running, and the next user stops it.

    Args:
        home: Directory of the server's files, made when missing; whoever owns it runs the server.
        bin_dir: Directory of PostgreSQL's programs; those of the installed wheel if None.
        durable: False trades the data's safety in a crash of the machine for speed (tests).
    """

    def __init__(self, home: Path, bin_dir: Path | None = None, *, durable: bool = True) -> None:
        self.home = home.resolve()  # two spellings of one home must agree on the socket
        self._bin_dir = bin_dir
        self._durable = durable
        self._lease: int | None = None

    def __enter__(self) -> Self:
        with self._alone():
            self._lease = self._open("lease.lock")
            fcntl.flock(self._lease, fcntl.LOCK_SH)  # only ever taken exclusively by `_alone`
            try:
                self._cluster.start()
            except BaseException:
                self._give_lease_back()
                self._stop_if_unused()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self._give_lease_back()
        with self._alone():
            self._stop_if_unused()

    @property
    def lease_fd(self) -> int:
        """The lease's file descriptor, for `pass_fds` of a child that uses the server too."""
        if self._lease is None:
            raise EmbeddedPostgresError("The embedded server is used outside of its `with` block")
        return self._lease

    def ready(self) -> bool:
        """Whether the server answers."""
        return self._cluster.ready()

    def ensure_running(self) -> None:
        """Start the server again if it has died; needs a lease."""
        assert self.lease_fd
        with self._alone():
            self._cluster.start()

    def stop(self) -> bool:
        """Stop a server that a killed user left behind; returns False while it is in use."""
        with self._alone():
            return self._stop_if_unused()

    def url(self, database: str) -> str:
        """Return SQLAlchemy's URL of a database, password included; makes it when missing."""
        self.ensure_database(database)
        return URL.create(
            "postgresql+psycopg2",
            USER,
            self._cluster.password(),
            database=database,
            query={"host": str(self._cluster.socket_dir), "port": str(PORT)},
        ).render_as_string(hide_password=False)

    def ensure_database(self, name: str) -> None:
        """Create an empty database unless there is one of that name; needs a lease."""
        assert self.lease_fd
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute("select from pg_database where datname = %s", [name])
            if cursor.fetchone() is None:
                # Somebody else may be making it at the same time.
                with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)))

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self._cluster.socket_dir),
            port=PORT,
            user=USER,
            password=self._cluster.password(),
            dbname="postgres",
            connect_timeout=10,
            autocommit=True,
        )

    @cached_property
    def _cluster(self) -> Cluster:
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = programs.find(self.home, self._bin_dir)
            if os.geteuid() == 0:
                os.chown(self.home, found.account.uid, found.account.gid)
        except OSError as error:
            raise EmbeddedPostgresError(
                f"{self.home} cannot hold the embedded server ({error.strerror}): "
                "set IMAGESIGNALS_HOME to a directory of your own"
            ) from None
        return Cluster(found, self._durable)

    def _open(self, name: str) -> int:
        """Open a file to lock, which the server's owner can open too if that is somebody else."""
        account = self._cluster.programs.account
        descriptor = os.open(self.home / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        if os.geteuid() == 0:
            os.fchown(descriptor, account.uid, account.gid)
        return descriptor

    def _give_lease_back(self) -> None:
        """Close our descriptor; children that inherited it go on holding the lease."""
        if self._lease is not None:
            os.close(self._lease)
            self._lease = None

    def _stop_if_unused(self) -> bool:
        # Opened anew: a lock on an inherited descriptor would be its heirs' as well.
        lease = self._open("lease.lock")
        try:
            unused = _locked(lease)
            if unused:
                self._cluster.stop()
        finally:
            os.close(lease)
        return unused

    @contextmanager
    def _alone(self) -> Generator[None]:
        """Be the only process that starts or stops this server."""
        lock = self._open("start.lock")
        try:
            deadline = time.monotonic() + LOCK_TIMEOUT_S
            while not _locked(lock):
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(
                        f"Another process has been starting or stopping the server in {self.home} "
                        f"for {LOCK_TIMEOUT_S:.0f} s: end that process and try again"
                    )
                time.sleep(0.02)
            yield
        finally:
            os.close(lock)


def _locked(descriptor: int) -> bool:
    """Try to lock a file for us alone."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
