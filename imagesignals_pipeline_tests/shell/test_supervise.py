"""What `imagesignals dev` leaves behind, whenever it is asked to stop."""

import io
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from imagesignals_pipeline import dev

SESSION = """
import os, signal, sys, time
from pathlib import Path

folder = Path(sys.argv[1])

def tidy(*_):
    time.sleep(0.5)
    (folder / "tidied").touch()
    os._exit(0)

def end(*_):
    os._exit(0)

for on_interrupt, on_term in ((signal.SIG_IGN, tidy), (signal.SIG_IGN, signal.SIG_IGN)):
    if not os.fork():
        break
else:
    on_interrupt = on_term = end
signal.signal(signal.SIGINT, on_interrupt)
signal.signal(signal.SIGTERM, on_term)
(folder / f"{os.getpid()}.ready").touch()
while True:
    signal.pause()
"""
"""A process that ends when it is interrupted, one that tidies up first, and one that stays."""


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_who_is_asked_while_dagster_starts_leaves_none_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: signal.Signals
) -> None:
    """The signal comes when its process is there, and before anybody could know of it."""
    started: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            started.append(self)
            os.kill(os.getpid(), asked)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        assert dev.supervise(None, port, lambda: None) == 0
        (dagster,) = started
        assert dagster.poll() is not None
    finally:
        for each in started:
            each.kill()
            each.wait()
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_who_asks_when_the_address_is_told_is_heard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also where a shell has started us in the background, which ignores SIGINT."""

    class Reader(io.StringIO):
        def write(self, text: str) -> int:
            if "Dagster UI: " in text:
                os.kill(os.getpid(), signal.SIGINT)
            return super().write(text)

    def start(*args: Any, **options: Any) -> None:
        pytest.fail(f"It was started all the same: {args} {options}")

    monkeypatch.setattr(sys, "stdout", Reader())
    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert dev.supervise(None, 1, lambda: None) == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_who_outlives_dagster_has_time_to_tidy_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is left of its session is asked to end before it is killed, and then none is left."""
    monkeypatch.setattr(dev, "POLL_S", 2.0)
    dagster = subprocess.Popen(
        [sys.executable, "-c", SESSION, str(tmp_path)], start_new_session=True
    )
    while len(members := [*tmp_path.glob("*.ready")]) < 3:
        time.sleep(0.02)
    dev._stop(dagster)
    assert (tmp_path / "tidied").exists()
    left = [int(each.stem) for each in members if psutil.pid_exists(int(each.stem))]
    assert {psutil.Process(each).status() for each in left} <= {psutil.STATUS_ZOMBIE}
