"""The embedded server: made, shared by processes, killed, and brought back."""

import fcntl
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, server

USER_OF_THE_SERVER = """
import sys
import tempfile
from pathlib import Path
from sqlalchemy import create_engine, text
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
home, bin_dir = Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] else None
try:
    with EmbeddedPostgres(home, bin_dir, durable=False) as postgres:
        with create_engine(postgres.url("shared")).connect() as connection:
            started = connection.scalar(text("select pg_postmaster_start_time()"))
            print("started", started, flush=True)
        sys.stdin.read()
except EmbeddedPostgresError as error:
    print("refused", error)
"""
"""Starts or joins the server, says when that was started, and uses it until its input ends."""


@contextmanager
def folder() -> Generator[Path]:
    """Make a directory that the server's account may enter where it is not ours."""
    with tempfile.TemporaryDirectory(prefix="imagesignals-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.fixture
def home() -> Generator[Path]:
    """A home whose path is short enough for a socket, however deep pytest's own folders lie."""
    with folder() as path:
        yield path / "home"


@pytest.fixture(scope="session")
def stopped_home(postgres_bin: Path | None) -> Generator[Path]:
    """The home of a server that was made, used and stopped."""
    with folder() as path:
        with EmbeddedPostgres(path / "home", postgres_bin, durable=False) as postgres:
            postgres.ensure_database("app")
        yield path / "home"


@pytest.fixture
def used_home(home: Path, stopped_home: Path) -> Path:
    """A copy of it for one test: what does not test the making is spared its seconds."""
    subprocess.run(["cp", "-a", stopped_home, home], check=True)
    return home


@contextmanager
def other_user(
    home: Path, bin_dir: Path | None, *, uid: int | None = None
) -> Generator[subprocess.Popen[str]]:
    """Run another process that uses the server; leaving the block ends it in good order."""
    process = subprocess.Popen(
        [sys.executable, "-c", USER_OF_THE_SERVER, home, str(bin_dir or "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
    )
    try:
        yield process
    finally:
        process.communicate(timeout=60)


def said(process: subprocess.Popen[str]) -> str:
    """Wait for the next line of another user."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def postmaster(home: Path) -> int:
    """Return the process id of the server, which must be up."""
    (lock,) = home.glob("pg*/postmaster.pid")
    return int(lock.read_text().partition("\n")[0])


def is_down(home: Path) -> bool:
    """Whether the server was stopped in good order."""
    return not list(home.glob("pg*/postmaster.pid"))


def count(postgres: EmbeddedPostgres, table: str) -> int:
    """Count the rows of a table in the database `app`."""
    with create_engine(postgres.url("app"), poolclass=NullPool).connect() as connection:
        return connection.execute(text(f"select count(*) from {table}")).scalar_one()


def insert(postgres: EmbeddedPostgres, statement: str) -> None:
    """Run a statement in the database `app` and commit it."""
    with create_engine(postgres.url("app"), poolclass=NullPool).begin() as connection:
        connection.execute(text(statement))


def test_each_test_has_a_database_of_its_own(connection: Connection) -> None:
    """The fixture's connection works, in a database named for this test alone."""
    name = connection.execute(text("select current_database()")).scalar_one()
    assert name.startswith("test_")


def test_what_was_saved_is_there_after_a_warm_start(home: Path, postgres_bin: Path | None) -> None:
    """A durable server starts cold, stops with its only user, and starts again with its rows."""
    postgres = EmbeddedPostgres(home, postgres_bin)
    with postgres:
        insert(postgres, "create table kept as select 1 as n")
        with create_engine(postgres.url("app"), poolclass=NullPool).connect() as connection:
            assert connection.execute(text("show fsync")).scalar_one() == "on"
            assert connection.execute(text("show timezone")).scalar_one() == "UTC"
            assert connection.execute(text("show server_encoding")).scalar_one() == "UTF8"
    assert is_down(home)
    assert not postgres.ready()
    with postgres:
        assert postgres.ready()
        assert count(postgres, "kept") == 1


def test_concurrent_cold_starts_make_one_server(home: Path, postgres_bin: Path | None) -> None:
    """Three processes that start at once share one server, which is down when all have left."""
    with (
        other_user(home, postgres_bin) as first,
        other_user(home, postgres_bin) as second,
        other_user(home, postgres_bin) as third,
    ):
        started = {said(process) for process in (first, second, third)}
    assert len(started) == 1
    assert started.pop().startswith("started 20")
    assert is_down(home)


def test_the_starter_may_leave_first(used_home: Path, postgres_bin: Path | None) -> None:
    """The server outlives the process that started it while another one uses it."""
    with (
        other_user(used_home, postgres_bin) as starter,
        other_user(used_home, postgres_bin) as other,
    ):
        assert said(starter) == said(other)
        starter.communicate(timeout=60)
        assert starter.returncode == 0
        assert EmbeddedPostgres(used_home, postgres_bin).ready()
    assert is_down(used_home)


def test_a_killed_user_leaves_the_server_to_the_next(
    used_home: Path, postgres_bin: Path | None
) -> None:
    """After kill -9 of its only user the server stays, and its next user stops it."""
    with other_user(used_home, postgres_bin) as killed:
        before = said(killed)
        killed.kill()
    assert EmbeddedPostgres(used_home, postgres_bin).ready()
    with other_user(used_home, postgres_bin) as following:
        assert said(following) == before
    assert is_down(used_home)


def test_a_child_with_the_lease_keeps_the_server(
    used_home: Path, postgres_bin: Path | None
) -> None:
    """Who inherited the lease keeps the server alive; `stop` refuses meanwhile, then works."""
    with EmbeddedPostgres(used_home, postgres_bin, durable=False) as postgres:
        child = subprocess.Popen(["sleep", "60"], pass_fds=[postgres.lease_fd])
    try:
        assert postgres.ready()
        assert not postgres.stop()
        assert postgres.ready()
    finally:
        child.kill()
        child.wait()
    assert postgres.stop()
    assert is_down(used_home)
    with pytest.raises(EmbeddedPostgresError, match="outside of its `with` block"):
        postgres.ensure_running()


def test_acknowledged_rows_survive_kill_9_of_the_server(
    used_home: Path, postgres_bin: Path | None
) -> None:
    """Every row whose commit was acknowledged before the server was killed is there again."""
    with EmbeddedPostgres(used_home, postgres_bin) as postgres:
        insert(postgres, "create table acknowledged (n int)")
        acknowledged, enough = [0], threading.Event()

        def keep_inserting() -> None:
            engine = create_engine(postgres.url("app"))
            with suppress(DBAPIError), engine.connect() as connection:
                while True:
                    connection.execute(text("insert into acknowledged values (1)"))
                    connection.commit()
                    acknowledged[0] += 1
                    if acknowledged[0] == 100:
                        enough.set()
            engine.dispose()

        inserting = threading.Thread(target=keep_inserting)
        inserting.start()
        assert enough.wait(60)
        os.kill(postmaster(used_home), signal.SIGKILL)
        inserting.join(60)
        postgres.ensure_running()
        assert acknowledged[0] >= 100
        assert count(postgres, "acknowledged") >= acknowledged[0]
    assert is_down(used_home)


def test_the_lock_of_a_dead_server_is_no_obstacle(
    used_home: Path, postgres_bin: Path | None
) -> None:
    """A stranger's process or a zombie with the dead server's number does not stop a start."""
    postgres = EmbeddedPostgres(used_home, postgres_bin, durable=False)
    with postgres:
        lock = used_home / f"pg{postgres._cluster.programs.major}" / "postmaster.pid"
        content = lock.read_text().partition("\n")[2]
    stranger = subprocess.Popen(["sleep", "60"])
    zombie = subprocess.Popen(["true"])
    time.sleep(0.1)
    try:
        for process in (stranger, zombie):
            lock.write_text(f"{process.pid}\n{content}")
            os.chown(lock, lock.parent.stat().st_uid, lock.parent.stat().st_gid)
            began = time.monotonic()
            with postgres:
                assert postgres.ready()
            assert time.monotonic() - began < server.START_TIMEOUT_S / 2
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
        zombie.wait()


@pytest.mark.parametrize(
    ("name", "socket_inside"),
    [
        pytest.param('it\'s a "home" of $HOME: `café` \\', True, id="quotes"),
        pytest.param("this, and that", False, id="comma"),
        pytest.param("long-" + 200 * "x", False, id="long"),
    ],
)
def test_any_path_will_do(
    used_home: Path, postgres_bin: Path | None, name: str, *, socket_inside: bool
) -> None:
    """Spaces, quotes, commas and lengths beyond a socket's name are no obstacle in the path."""
    odd = used_home.rename(used_home.with_name(name))
    with EmbeddedPostgres(odd, postgres_bin, durable=False) as postgres:
        insert(postgres, "create table found as select 1 as n")
        assert count(postgres, "found") == 1
        sockets = postgres._cluster.socket_dir
        assert sockets.is_relative_to(odd) == socket_inside
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert is_down(odd)
    assert not sockets.exists()


@pytest.mark.parametrize("squatter", ["open directory", "link", "file", "stranger's directory"])
def test_a_squatted_socket_directory_is_refused(
    home: Path, postgres_bin: Path | None, squatter: str
) -> None:
    """A socket directory in which somebody else could listen is refused, and named."""
    postgres = EmbeddedPostgres(home / (200 * "x"), postgres_bin, durable=False)
    sockets = postgres._cluster.socket_dir
    match squatter:
        case "open directory":
            sockets.mkdir(mode=0o755)
        case "link":
            home.joinpath("private").mkdir(mode=0o700)
            sockets.symlink_to(home / "private")
        case "file":
            sockets.touch(mode=0o600)
        case _:
            if os.geteuid() != 0:
                pytest.skip("only root can make a directory of somebody else's")
            sockets.mkdir(mode=0o700)
            os.chown(sockets, 12345, 12345)
    try:
        with pytest.raises(EmbeddedPostgresError, match=re.escape(str(sockets))):
            postgres._cluster.claim_socket_dir()
    finally:
        sockets.rmdir() if sockets.is_dir() and not sockets.is_symlink() else sockets.unlink()


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's /proc")
def test_nothing_listens_on_the_network(postgres: EmbeddedPostgres) -> None:
    """No process of the server has a TCP socket."""
    process = Path("/proc") / str(postmaster(postgres.home))
    ours = {str(descriptor.readlink()) for descriptor in (process / "fd").iterdir()}
    tables = ["/proc/net/tcp", "/proc/net/tcp6", "/proc/net/unix"]
    rows = {path: Path(path).read_text().splitlines()[1:] for path in tables if Path(path).exists()}
    tcp = {f"socket:[{row.split()[9]}]" for path in tables[:2] for row in rows.get(path, [])}
    unix = {f"socket:[{row.split()[6]}]" for row in rows["/proc/net/unix"]}
    assert ours & unix
    assert not ours & tcp


def test_nobody_gets_in_without_the_password(postgres: EmbeddedPostgres) -> None:
    """The password guards the server even where its socket can be reached, and lies in private."""
    cluster = postgres._cluster
    for password in (None, "", "imagesignals"):
        with pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(
                host=str(cluster.socket_dir),
                user="imagesignals",
                password=password,
                dbname="postgres",
            )
    (secret,) = postgres.home.glob("*.password")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert len(secret.read_text()) >= 43
    assert cluster.password() not in repr(postgres) + repr(cluster)


def test_no_statement_and_no_value_reaches_the_log(postgres: EmbeddedPostgres) -> None:
    """The server's log tells what the server did, and nothing of what was in a statement."""
    url = postgres.url("app").replace("+psycopg2", "")
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("create temporary table t (url text check (url = ''))")
        for statement in ("insert into t values (%s)", "select %s::uuid", "select %s + nonsense"):
            with pytest.raises(psycopg2.Error, match="geheimnis"):
                cursor.execute(statement, ["https://x/?token=geheimnis"])
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(url, user="afterwards", password="wrong")
    logs, deadline = "", time.monotonic() + 20
    while "afterwards" not in logs and time.monotonic() < deadline:
        logs = "".join(path.read_text() for path in postgres.home.glob("pg*/log/*.log"))
    assert "afterwards" in logs
    assert "geheimnis" not in logs


def test_an_interrupted_initdb_is_done_again(home: Path, postgres_bin: Path | None) -> None:
    """A process killed while it makes the server's files leaves nothing that stops the next."""
    with other_user(home, postgres_bin) as killed:
        deadline = time.monotonic() + 60
        while not list(home.glob("pg*.init-*/*")):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        killed.kill()
    assert not [path for path in home.glob("pg*") if path.suffix == ""]
    with EmbeddedPostgres(home, postgres_bin, durable=False) as postgres:
        assert postgres.ready()


def test_data_of_an_older_version_is_not_passed_over(home: Path, postgres_bin: Path | None) -> None:
    """Programs that cannot read the data say so instead of beginning with an empty database."""
    (home / "pg14").mkdir(parents=True)
    with pytest.raises(EmbeddedPostgresError, match="holds data of PostgreSQL 14"):
        EmbeddedPostgres(home, postgres_bin).__enter__()


def test_a_start_that_never_works_is_given_up(used_home: Path, postgres_bin: Path | None) -> None:
    """A broken configuration is quoted at once, and the lease is given back."""
    postgres = EmbeddedPostgres(used_home, postgres_bin, durable=False)
    with postgres:
        pass
    with (used_home / f"pg{postgres._cluster.programs.major}" / "postgresql.conf").open(
        "a"
    ) as file:
        file.write("shared_buffers = 'lots'\n")
    began = time.monotonic()
    with pytest.raises(EmbeddedPostgresError, match=r"shared_buffers|configuration file"):
        postgres.__enter__()
    assert time.monotonic() - began < server.START_TIMEOUT_S / 2
    assert postgres.stop()


def test_waiting_for_another_start_ends(
    home: Path, postgres_bin: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for a process that hangs while it starts the server is told so in the end."""
    monkeypatch.setattr(server, "LOCK_TIMEOUT_S", 0.1)
    postgres = EmbeddedPostgres(home, postgres_bin)
    home.mkdir()
    with (home / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(EmbeddedPostgresError, match="Another process has been starting"):
            postgres.__enter__()


def test_databases_are_made_once(postgres: EmbeddedPostgres) -> None:
    """A database is made when it is first asked for, whatever its name, and kept afterwards."""
    name = "odd \"name\" of 'a' 100% database"
    with create_engine(postgres.url(name), poolclass=NullPool).begin() as connection:
        connection.execute(text("create table kept (n int)"))
        assert connection.execute(text("select current_database()")).scalar_one() == name
    with create_engine(postgres.url(name), poolclass=NullPool).begin() as connection:
        assert connection.execute(text("select count(*) from kept")).scalar_one() == 0
