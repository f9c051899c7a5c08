"""As whom the embedded server runs, with which programs, and what is said when neither is there."""

import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import NullPool, create_engine, text

from imagesignals_pipeline import embedded_postgres
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, cluster
from imagesignals_pipeline.embedded_postgres.programs import Account

USE_IT = """
import sys
from pathlib import Path
from sqlalchemy import create_engine, text
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
try:
    with EmbeddedPostgres(Path(sys.argv[1]), Path(sys.argv[2]), durable=False) as postgres:
        with create_engine(postgres.url("own")).connect() as connection:
            print("works in", connection.scalar(text("select current_database()")))
except EmbeddedPostgresError as error:
    print("refused:", error)
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")


@pytest.fixture
def folder() -> Generator[Path]:
    """A short path that every account may enter."""
    with tempfile.TemporaryDirectory(prefix="imagesignals-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.fixture
def programs(postgres: EmbeddedPostgres) -> Path:
    """Directory of the PostgreSQL programs under test."""
    return postgres._cluster.programs.bin_dir


@dataclass(frozen=True)
class Person:
    """An ordinary account of this machine, with a Python that it can run."""

    account: Account
    python: Path

    def use(self, home: Path, programs: Path, *, uid: int | None = None) -> str:
        """Use the server of `home` in a process of this user, and return what that said."""
        return subprocess.run(
            [self.python, "-c", USE_IT, home, programs],
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            user=uid or self.account.uid,
            group=uid or self.account.gid,
            extra_groups=[],
            cwd="/",
            stdout=subprocess.PIPE,
            text=True,
            timeout=100,
            check=True,
        ).stdout.strip()


@pytest.fixture
def nobody(programs: Path) -> Person:
    """The user nobody, if Python, our code and the programs lie where it can enter."""
    entry = pwd.getpwnam("nobody")
    account = Account(entry.pw_uid, entry.pw_gid)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    pythons = [Path(sys.executable).resolve(), Path("/usr/bin", version)]
    ours = [Path(embedded_postgres.__file__).parent, Path(sqlalchemy.__file__).parent, programs]
    for needed in ours:
        if (closed := account.closed_directory(needed)) is not None:
            pytest.skip(f"{closed} is closed to the user nobody")
    for python in pythons:
        if python.exists() and account.closed_directory(python.parent) is None:
            return Person(account, python)
    pytest.skip(f"no {version} that the user nobody can run")


def owner_of_server(home: Path) -> int:
    """Return the user id of the running server."""
    (lock,) = home.glob("pg*/postmaster.pid")
    return Path(f"/proc/{lock.read_text().partition(chr(10))[0]}").stat().st_uid


def answers(postgres: EmbeddedPostgres) -> bool:
    """Whether a database of the server can be used from here."""
    with create_engine(postgres.url("own"), poolclass=NullPool).connect() as connection:
        return connection.execute(text("select true")).scalar_one()


@needs_root
def test_an_ordinary_user_has_a_server(folder: Path, programs: Path, nobody: Person) -> None:
    """An ordinary user's server runs as that user, in a directory of that user's."""
    os.chown(folder, nobody.account.uid, nobody.account.gid)
    assert nobody.use(folder / "home", programs) == "works in own"
    assert {path.stat().st_uid for path in folder.rglob("*")} == {nobody.account.uid}


@needs_root
def test_root_runs_an_ordinary_users_server_as_that_user(
    folder: Path, programs: Path, nobody: Person
) -> None:
    """Whoever owns the home runs the server, so that root leaves no file its owner cannot use."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, nobody.account.uid, nobody.account.gid)
    with EmbeddedPostgres(home, programs, durable=False) as postgres:
        assert owner_of_server(home) == nobody.account.uid
        assert answers(postgres)
    locks = [home / "start.lock", home / "lease.lock"]
    assert {path.stat().st_uid for path in home.rglob("*")} == {nobody.account.uid}
    assert all(lock.exists() for lock in locks)
    assert nobody.use(home, programs) == "works in own"


@needs_root
def test_root_runs_its_own_server_in_a_namespace(folder: Path, programs: Path) -> None:
    """As root everything stays root's, also below a directory that is closed to all others."""
    if subprocess.run(["unshare", "--user", "true"], check=False).returncode:
        pytest.skip("no user namespaces here")
    folder.chmod(0o700)
    with EmbeddedPostgres(folder / "home", programs, durable=False) as postgres:
        assert owner_of_server(folder / "home") == 0
        assert answers(postgres)
    assert {path.stat().st_uid for path in folder.rglob("*")} == {0}


@needs_root
def test_root_without_namespaces_borrows_an_account(
    folder: Path, programs: Path, nobody: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where root cannot make a namespace the server runs as `postgres` or `nobody`."""
    assert nobody.account.closed_directory(programs) is None
    monkeypatch.setenv("PATH", "/nonexistent")
    with EmbeddedPostgres(folder / "home", programs, durable=False) as postgres:
        assert pwd.getpwuid(owner_of_server(folder / "home")).pw_name in {"postgres", "nobody"}
        assert answers(postgres)
    assert folder.stat().st_uid == 0


@needs_root
def test_a_closed_directory_is_named(
    folder: Path,
    programs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Where the borrowed account cannot enter, the error says which directory is closed to it.

    What says why there is no namespace is not the operator's matter.
    """
    tools = scripted(folder / "tools", unshare="echo 'unshare failed' >&2; exit 1")
    monkeypatch.setenv("PATH", str(tools))
    folder.chmod(0o700)
    with pytest.raises(EmbeddedPostgresError, match=f"{folder} is closed to user"):
        EmbeddedPostgres(folder / "home", programs).__enter__()
    assert capfd.readouterr().err == ""


@needs_root
def test_a_strangers_home_is_refused(folder: Path, programs: Path, nobody: Person) -> None:
    """An ordinary user is told that the home is somebody else's, or cannot be made."""
    (folder / "home").mkdir()
    assert nobody.use(folder / "home", programs).startswith(
        f"refused: {folder}/home belongs to another user: set IMAGESIGNALS_HOME"
    )
    assert nobody.use(folder / "none", programs) == (
        f"refused: {folder}/none cannot hold the embedded server (Permission denied): "
        "set IMAGESIGNALS_HOME to a directory of your own"
    )


@needs_root
def test_a_user_id_without_a_name_is_told_so(folder: Path, programs: Path, nobody: Person) -> None:
    """PostgreSQL wants its user in /etc/passwd; who is not there learns it before initdb fails."""
    os.chown(folder, 54321, 54321)
    assert nobody.use(folder / "home", programs, uid=54321).startswith(
        "refused: User id 54321 has no name on this machine"
    )


@needs_root
def test_others_cannot_reach_the_socket(postgres: EmbeddedPostgres, nobody: Person) -> None:
    """Another user of the machine does not even get as far as the password."""
    programs = postgres._cluster.programs
    ask = [programs.bin_dir / "pg_isready", "-h", postgres._cluster.socket_dir, "-q"]
    assert postgres.ready()
    assert (
        subprocess.run(
            ask, cwd="/", user=nobody.account.uid, extra_groups=[], check=False
        ).returncode
        == 2
    )


def test_a_home_that_cannot_be_made_is_told(folder: Path, programs: Path) -> None:
    """A file in the place of a directory ends in one line that names the variable to set."""
    (folder / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match=r"\(Not a directory\): set IMAGESIGNALS_HOME"):
        EmbeddedPostgres(folder / "file" / "home", programs).__enter__()


def test_without_the_wheel_both_ways_out_are_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the wheel is not installed, the operator learns what to set and what to install."""
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(EmbeddedPostgresError) as refused:
        EmbeddedPostgres(folder / "home").__enter__()
    assert str(refused.value) == (
        "There is no embedded PostgreSQL: set IMAGESIGNALS_DATABASE_URL "
        "or install imagesignals-pipeline[embedded]"
    )


def scripted(directory: Path, **programs: str) -> Path:
    """Write programs that only say something, as PostgreSQL's would, and return their directory."""
    directory.mkdir()
    for name, script in programs.items():
        (directory / name).write_text(f"#!/bin/sh\n{script}\n")
        (directory / name).chmod(0o755)
    return directory


@pytest.mark.parametrize(
    ("name", "initdb", "postgres", "told"),
    [
        ("none", "", "", "holds no initdb of PostgreSQL: correct IMAGESIGNALS_PG_BIN"),
        ('the "best"', "", "", "PostgreSQL cannot run from"),
        ("broken", "", "exit 127", "does not run on this machine"),
        (
            "full",
            "echo 'creating ...'; echo 'initdb: error: No space left on device'; exit 1",
            "echo 'postgres (PostgreSQL) 18.6'",
            r"could not make its files in .* \(initdb: error: No space left on device\)",
        ),
    ],
)
def test_programs_that_do_not_work_are_told(
    folder: Path, name: str, initdb: str, postgres: str, told: str
) -> None:
    """Wrong, unusable and failing programs end in one line with the cause and the way out."""
    programs = scripted(folder / name, initdb=initdb, postgres=postgres)
    if name == "none":
        (programs / "initdb").unlink()
    with pytest.raises(EmbeddedPostgresError, match=told) as refused:
        EmbeddedPostgres(folder / "home", programs).__enter__()
    assert "IMAGESIGNALS_DATABASE_URL" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_server_that_never_answers_is_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where each of its starts is said to have worked."""
    programs = scripted(
        folder / "programs",
        initdb='mkdir "$2" && touch "$2/postgresql.conf"',
        postgres="echo 'postgres (PostgreSQL) 18.6'",
        pg_ctl="exit 0",
        pg_isready="exit 2",
    )
    monkeypatch.setattr(cluster, "START_TIMEOUT_S", 0.5)
    with pytest.raises(EmbeddedPostgresError, match=r"\(it starts, but does not answer\): remove"):
        EmbeddedPostgres(folder / "home", programs).__enter__()
