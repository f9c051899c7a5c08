"""What `imagesignals dev` leaves behind, whenever it is asked to stop."""

import io
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imagesignals_pipeline import dev


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
