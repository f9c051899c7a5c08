"""A server's files under its home, and starting and stopping it; knows nothing of its users."""

import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from imagesignals_pipeline.embedded_postgres.programs import (
    USE_YOUR_OWN,
    EmbeddedPostgresError,
    Programs,
)

USER = "imagesignals"
PORT = 5432
"""Only a part of the socket's name: nothing listens on the network."""
MAX_SOCKET_PATH_BYTES = 107
START_TIMEOUT_S = 90.0
"""After a crash the dead server's children need seconds to go, and its log is replayed."""
NO_PROCESS = 2**22 + 1
"""One more than the largest process id of Linux."""
PASSING = re.compile("already exists|still in use|did not start in time")
"""What a start says while something of a killed server is still going away."""
READY, REJECTING = 0, 1
"""Two exit statuses of `pg_isready`; a server that rejects is starting, stopping or recovering."""
BUSY = "the server that runs did not start in time"
MUTE = "it starts, but does not answer"
TELLING = re.compile("FATAL|PANIC|error:|could not")

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": "16MB",  # a guest: what does not fit is in the system's cache
        "max_wal_size": "512MB",
        "timezone": "UTC",
        "max_parallel_workers_per_gather": "0",  # parallel plans want more /dev/shm than Docker has
        "logging_collector": "on",  # one file for each day of the week, so at most seven
        "log_directory": "log",
        "log_filename": "postgresql-%a.log",
        "log_truncate_on_rotation": "on",
        "log_rotation_size": "0",
        "log_checkpoints": "off",
        # Errors quote values, and psycopg2 writes parameters into the statement; their client
        # is told of them, so the log may do without.
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
)
CARELESS: Mapping[str, str] = MappingProxyType({"fsync": "off", "full_page_writes": "off"})


@dataclass(frozen=True, slots=True)
class Cluster:
    """The files of one server; its methods are for one process at a time."""

    programs: Programs
    durable: bool

    @property
    def home(self) -> Path:
        """Directory of everything that belongs to the server."""
        return self.programs.home

    @property
    def data_dir(self) -> Path:
        """PostgreSQL's own directory; another major version cannot read it, so it is named."""
        return self.home / f"pg{self.programs.major}"

    @property
    def socket_dir(self) -> Path:
        """Where the socket lies: in `home`, or in /tmp when no socket can have that name.

        The name is too long for the kernel, or a comma in it makes two hosts of it for libpq.
        """
        inside = self.home / "s"
        longest = inside / f".s.PGSQL.{PORT}.lock"
        if len(os.fsencode(longest)) <= MAX_SOCKET_PATH_BYTES and "," not in str(inside):
            return inside
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        # Not the user's TMPDIR: all who share the server must find the same directory.
        return Path(f"/tmp/imagesignals-{self.programs.account.uid}-{digest}")  # noqa: S108 - claimed below

    def password(self) -> str:
        """Return the password of the only database user."""
        return (self.home / self._password_file).read_text(encoding="ascii")

    @property
    def _password_file(self) -> str:
        return f"{self.data_dir.name}.password"

    def claim_socket_dir(self) -> None:
        """Make the socket's directory, or make sure that nobody else can listen in it.

        Raises:
            EmbeddedPostgresError: It is not a directory of ours alone. A stranger's server in it
                could ask for the password in clear text.
        """
        with suppress(FileExistsError):
            self.socket_dir.mkdir(mode=0o700)
            self._give(self.socket_dir)
        status = self.socket_dir.lstat()
        ours = status.st_uid == self.programs.account.uid and not status.st_mode & 0o077
        if not (stat.S_ISDIR(status.st_mode) and ours):
            raise EmbeddedPostgresError(
                f"{self.socket_dir} is not a private directory of user id "
                f"{self.programs.account.uid}: remove it, or shorten IMAGESIGNALS_HOME"
            )

    def ready(self) -> bool:
        """Whether the server answers; that its process exists would prove nothing."""
        return self._answer() == READY

    def _answer(self) -> int:
        where = ("-h", str(self.socket_dir), "-p", str(PORT))
        return self.programs.run("pg_isready", *where, "-t", "5", "-q")[0]

    def start(self) -> None:
        """Start the server, after making its files where there are none; no-op when it runs.

        Raises:
            EmbeddedPostgresError: It did not start within `START_TIMEOUT_S`, or never will.
        """
        self._sweep()
        if not self.data_dir.is_dir():
            self._initialise()
        self.claim_socket_dir()
        deadline = time.monotonic() + START_TIMEOUT_S
        said = ""
        while (answer := self._answer()) != READY:
            hopeless = said and not PASSING.search(said)
            if hopeless or time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL did not start in {self.home} ({_telling_line(said or MUTE)}): "
                    f"remove the cause, {USE_YOUR_OWN}"
                )
            said = BUSY if answer == REJECTING else self._try_to_start()
            time.sleep(0.2 if said else 0)

    def stop(self) -> None:
        """Stop the server if it runs; open sessions are ended, what they committed is kept."""
        self._disown_dead_server()
        for mode in ("fast", "immediate"):  # after the second the next start replays the log
            if (self.data_dir / "postmaster.pid").exists():
                self._control("stop", "-m", mode)
        with suppress(OSError):  # absent, or still in use
            self.socket_dir.rmdir()

    def _try_to_start(self) -> str:
        """Return what went wrong, or nothing."""
        self._configure()
        self._disown_dead_server()
        log = self.home / "server.log"
        log.unlink(missing_ok=True)
        status, said = self._control("start", "-l", log.name)
        if status == 0:
            return ""
        return f"{said}\n{log.read_text(errors='replace') if log.exists() else ''}"

    def _control(self, action: str, *arguments: str) -> tuple[int, str]:
        waiting = ("-w", "-t", "60", "-s")
        return self.programs.run("pg_ctl", action, "-D", self.data_dir.name, *waiting, *arguments)

    def _sweep(self) -> None:
        """Remove what interrupted `initdb`s left; one may still run, orphaned by a kill."""
        for left_over in self.home.glob(f"{self.data_dir.name}.init-*"):
            shutil.rmtree(left_over, ignore_errors=True)

    def _initialise(self) -> None:
        """Make the server's files, first under another name: a half is never taken for all."""
        self._refuse_older_data()
        self._write(self._password_file, secrets.token_urlsafe(32))
        unfinished = self.home / f"{self.data_dir.name}.init-{secrets.token_hex(4)}"
        status, said = self.programs.run("initdb", "-D", unfinished.name, *self._initdb_options())
        if status:
            raise EmbeddedPostgresError(
                f"PostgreSQL could not make its files in {self.home} ({_telling_line(said)}): "
                f"remove the cause, {USE_YOUR_OWN}"
            )
        with (unfinished / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("include '../embedded.conf'\n")
        unfinished.rename(self.data_dir)

    def _initdb_options(self) -> list[str]:
        options = ["-U", USER, "--pwfile", self._password_file, "--auth=scram-sha-256"]
        options += ["--encoding=UTF8"]
        if self.programs.major >= 16:  # noqa: PLR2004 - PostgreSQL 16 brought the option
            # Stretching protects weak passwords; ours has 256 bits, and Dagster connects often.
            options += ["-c", "scram_iterations=1"]
        if self.programs.major >= 17:  # noqa: PLR2004 - PostgreSQL 17 brought its own C.UTF-8
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        else:
            options += ["--locale=C.UTF-8"]
        return options if self.durable else [*options, "--no-sync"]

    def _refuse_older_data(self) -> None:
        """An upgrade of the programs must not look as if all data were gone."""
        majors = [int(p.name[2:]) for p in self.home.glob("pg[0-9]*") if p.name[2:].isdigit()]
        older = [major for major in majors if major < self.programs.major]
        if older:
            raise EmbeddedPostgresError(
                f"{self.home} holds data of PostgreSQL {max(older)}, but the programs are of "
                f"{self.programs.major}: set IMAGESIGNALS_PG_BIN to those of {max(older)}, or move "
                f"pg{max(older)} away to begin anew"
            )

    def _configure(self) -> None:
        """Write our settings to a file: on a command line a quote in the path would end them."""
        quoted = str(self.socket_dir).replace('"', '""')
        settings = {**SETTINGS, "unix_socket_directories": f'"{quoted}"'}
        if not self.durable:
            settings |= CARELESS
        lines = [f"{name} = {_quote(value)}\n" for name, value in settings.items()]
        self._write("embedded.conf", "".join(lines))

    def _write(self, name: str, text: str) -> None:
        """Replace a file of `home` that only the server's account (and root) can read."""
        new = self.home / f"{name}.new"
        new.unlink(missing_ok=True)
        new.touch(mode=0o600, exist_ok=False)
        new.write_bytes(os.fsencode(text))  # a path in it may be no valid Unicode
        self._give(new)
        new.replace(self.home / name)

    def _give(self, path: Path) -> None:
        if os.geteuid() == 0:
            account = self.programs.account
            os.chown(path, account.uid, account.gid, follow_symlinks=False)

    def _disown_dead_server(self) -> None:
        """Point the lock files of a server that is no more to a process that cannot exist.

        PostgreSQL takes any process of that number for a living server: a stranger's after a
        reboot, or a zombie that nobody buries (process 1 of a container often does not). The
        file itself stays, because by the memory key in it PostgreSQL notices children left over.
        """
        for lock in (
            self.data_dir / "postmaster.pid",
            self.socket_dir / f".s.PGSQL.{PORT}.lock",
        ):
            with suppress(FileNotFoundError):
                first, newline, rest = lock.read_text().partition("\n")
                if first.strip().isdigit() and not _works_in(self.data_dir, int(first)):
                    lock.write_text(f"{NO_PROCESS}{newline}{rest}")


def _works_in(directory: Path, process: int) -> bool:
    """Whether a process has this current directory, as each server has its data directory."""
    try:
        return Path(f"/proc/{process}/cwd").samefile(directory)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:
        return True


def _quote(value: str) -> str:
    """Quote a value of postgresql.conf."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _telling_line(said: str) -> str:
    """Return the last line that names an error, or the last one."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it said nothing"]
    return next((line for line in reversed(lines) if TELLING.search(line)), lines[-1])
