"""What `imagesignals dev` leaves behind, whenever it is asked to stop."""

import os
import signal
import socket
import subprocess
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
