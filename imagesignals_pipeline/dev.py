"""Runs the Dagster UI and daemon under supervision: the database outlives them, nothing stays."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType

from imagesignals_pipeline import environment, settings
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres

POLL_S = 3.0
TIDY_EVERY = 3
"""Polls; a run of a killed process is noticed after some ten seconds."""
SOON_S = 30.0
"""Dagster that ends sooner may not be able to start: its port is taken, its settings are wrong."""
ATTEMPTS = 3
STOP_TIMEOUT_S = 30.0
ASK_AGAIN_S = 0.05
SUPERSEDED = "ignore:Function `dev_command` is superseded"
"""By its text: when Python reads the option, it cannot import the class of the warning yet."""


class _Asked(Exception):  # noqa: N818 - a request, not an error
    """Somebody asked us to stop (SIGINT or SIGTERM)."""


def supervise(server: EmbeddedPostgres | None, port: int, tidy: Callable[[], None]) -> int:
    """Run `dagster dev` on 127.0.0.1 until we are asked to stop; return 0, or 1 if it cannot run.

    The embedded server, if there is one, is started again when it dies. So is Dagster, which ends
    as a whole (with status 0) when one of its processes does, unless it keeps ending at once.

    Args:
        server: The embedded server.
        port: Where the UI answers.
        tidy: Called now and then, as long as all goes on.
    """
    in_vain = 0
    with _signals():
        try:
            # Not before: where a shell has us ignore SIGINT, who asks us at this line is heard.
            print(f"Dagster UI: http://127.0.0.1:{port} (Ctrl-C stops everything)", flush=True)  # noqa: T201 - the log of a service
            while in_vain < ATTEMPTS:
                began = time.monotonic()
                with _dagster(server, port) as process:
                    _watch(process, server, tidy)
                in_vain = in_vain + 1 if time.monotonic() - began < SOON_S else 0
                print("Dagster, or a part of it, has ended by itself.", flush=True)  # noqa: T201 - the log of a service
        except _Asked:
            return 0
    return 1


def _watch(
    process: subprocess.Popen[bytes], server: EmbeddedPostgres | None, tidy: Callable[[], None]
) -> None:
    """Wait for the end of Dagster, or of its code server; look after the rest."""
    serves = False
    while True:
        for _ in range(TIDY_EVERY):
            try:
                process.wait(POLL_S)
            except subprocess.TimeoutExpired:
                if server is not None and not server.ready():
                    server.ensure_running()
                served, serves = serves, _serves(process.pid)
                if served and not serves:
                    return
            else:
                return
        tidy()


def _serves(dagster: int) -> bool:
    """Whether a process holds our definitions: the child of a child of `dagster dev`.

    Nobody starts another one when it dies: the UI and the daemon go on, and nothing that they are
    asked for can begin. "Reload" in the UI starts its successor first.
    """
    return any(
        b"\0grpc\0" in _read(Path(f"/proc/{server}/cmdline"))
        for child in _children(dagster)
        for server in _children(child)
    )


def _children(process: int) -> list[int]:
    """Return the children of all its threads: "Reload" starts a code server in one of a pool."""
    lists = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for children in lists for child in _read(children).split()]


def _read(file: Path) -> bytes:
    """Return a file of /proc, or nothing when its process has gone."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


@contextmanager
def _dagster(server: EmbeddedPostgres | None, port: int) -> Generator[subprocess.Popen[bytes]]:
    """Start `dagster dev` in a session of its own and leave no process of it behind.

    The children inherit the lease on the embedded server: it stays up while any of them lives.
    """
    with ExitStack() as stack:
        with _held():  # an interrupt in the middle would leave behind what nobody knows of
            process = subprocess.Popen(
                [
                    *(sys.executable, "-W", SUPERSEDED),
                    *("-m", "dagster", "dev", "-w", str(settings.ROOT / "workspace.yaml")),
                    *("-h", "127.0.0.1", "-p", str(port)),
                ],
                cwd=os.environ["DAGSTER_HOME"],
                start_new_session=True,
                pass_fds=() if server is None else (server.lease_fd,),
                preexec_fn=_begin,  # noqa: PLW1509 - it calls the system and nothing else
            )
            stack.callback(_stop_surely, process)
        yield process


def _begin() -> None:
    """Prepare the process that becomes Dagster."""
    environment.give_way()
    # Dagster copies what SIGINT does to SIGTERM; a shell's `&` makes it ignore both.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _stop_surely(process: subprocess.Popen[bytes]) -> None:
    try:
        _stop(process)
    except _Asked:  # while it was to be started again; no signal interrupts this one
        _stop(process)
        raise


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask Dagster to stop, then make sure that its whole session has."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
    with suppress(ProcessLookupError):  # nobody of it is left
        for insist in (signal.SIGTERM, signal.SIGKILL):
            os.killpg(process.pid, insist)
            patience = time.monotonic() + POLL_S
            while time.monotonic() < patience:
                process.poll()  # who is dead and not buried would count as there
                with suppress(ChildProcessError):  # a container's first process inherits others
                    os.waitpid(-process.pid, os.WNOHANG)
                os.killpg(process.pid, 0)  # only asks
                time.sleep(ASK_AGAIN_S)


@contextmanager
def _held() -> Generator[None]:
    """Put SIGINT and SIGTERM off until the end."""
    came: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        del frame
        came.append(number)

    before = {each: signal.signal(each, hold) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def _signals() -> Generator[None]:
    """Turn SIGINT and SIGTERM into `_Asked`, once."""

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise _Asked(signal.Signals(number).name)

    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    for each in before:
        signal.signal(each, ask)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
