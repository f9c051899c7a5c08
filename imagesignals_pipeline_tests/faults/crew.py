"""Redis, and workers that take the steps of runs from it, each in a folder of its own."""

import shutil
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
from redis import Redis
from redis.exceptions import ConnectionError as NotYetError

from imagesignals_pipeline import settings
from imagesignals_pipeline_tests.faults import processes
from imagesignals_pipeline_tests.faults.place import Lost, Place, free_port

SERVER = shutil.which("redis-server")
UP_S = 60.0
READY = " ready."
"""What Celery says of a worker that takes steps from now on."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A real Redis on a port of its own, with a password."""

    port: int
    password: str

    @property
    def url(self) -> str:
        """Its address, as those who use it have it in their environment."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @property
    def client(self) -> Redis:
        """A connection of the test's own."""
        return Redis(port=self.port, password=self.password)

    def everything(self) -> list[bytes]:
        """Return all that it holds: steps that wait or are worked on, and answers."""
        read = {"string": "get", "hash": "hgetall", "list": "lrange"}
        found: list[bytes] = []
        for key in self.client.scan_iter():
            kind = self.client.type(key).decode()  # pyright: ignore[reportAttributeAccessIssue]
            more = (0, -1) if kind == "list" else ()
            if kind in read:
                found.append(repr(getattr(self.client, read[kind])(key, *more)).encode())
        return found


@contextmanager
def broker(folder: Path, password: str, port: int | None = None) -> Generator[Broker]:
    """Run a Redis that keeps nothing, and wait until it answers."""
    assert SERVER is not None
    there = Broker(port or free_port(), password)
    conf = f'port {there.port}\nbind 127.0.0.1\nrequirepass {password}\nsave ""\n'
    process = subprocess.Popen(
        [SERVER, "-"], cwd=folder, stdin=-1, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    process.stdin.write(conf)  # not on the command line, which all can read
    process.stdin.close()
    try:
        deadline = time.monotonic() + UP_S
        while True:
            try:
                there.client.ping()
                break
            except NotYetError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield there
    finally:
        process.kill()
        process.wait()


@dataclass(slots=True)
class Crew:
    """Workers on as many machines, as far as they can tell: they share no folder."""

    place: Place
    redeliver_after_s: int
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def join(self, count: int) -> None:
        """Start so many more workers, and wait until they take steps."""
        fresh = range(len(self.workers), len(self.workers) + count)
        for number in fresh:
            home = self._folder(number)
            shutil.copytree(self.place.home / "dagster", home, dirs_exist_ok=False)
            remote = {
                settings.DATABASE_URL: self.place.url,
                settings.DAGSTER_DATABASE_URL: self.place.dagster_url,
                settings.HOME: str(home / "never needed"),
                "DAGSTER_HOME": str(home),
            }
            there = replace(self.place, more={**self.place.more, **remote})
            after = ("--redeliver-after", str(self.redeliver_after_s))
            with (home / "worker.log").open("wb") as log:
                self.workers.append(
                    subprocess.Popen(
                        there.command("worker", *after),
                        env=there.environ,
                        cwd=home,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )
        deadline = time.monotonic() + UP_S
        for number in fresh:
            while READY not in self.said(number):
                if time.monotonic() > deadline or self.workers[number].poll() is not None:
                    raise Lost(f"A worker does not come up: {self.said(number)[-3000:]}")
                time.sleep(0.2)

    def said(self, number: int) -> str:
        """Return all that a worker has printed."""
        return (self._folder(number) / "worker.log").read_text(errors="replace")

    def files(self) -> list[Path]:
        """Return what workers have left on their disks."""
        return [
            file
            for number in range(len(self.workers))
            for file in self._folder(number).rglob("*")
            if file.is_file()
        ]

    def at_work(self) -> list[psutil.Process]:
        """Return the workers that are decoding pictures at this moment."""
        living = [psutil.Process(each.pid) for each in self.workers if each.poll() is None]
        return [each for each in living if processes.at_work(processes.decoders(each.pid))]

    def leave(self) -> None:
        """Ask all workers to end, as a service manager would, and make sure that they do."""
        living = [each for each in self.workers if each.poll() is None]
        for each in living:
            each.send_signal(signal.SIGTERM)
        for each in living:
            assert each.wait(UP_S) == 0

    def kill(self) -> None:
        """Leave nothing of them behind, whatever happened."""
        for each in self.workers:
            if each.poll() is None:
                each.kill()
            each.wait()

    def _folder(self, number: int) -> Path:
        return self.place.home / f"machine {number}"


@contextmanager
def crew(place: Place, *, redeliver_after_s: int) -> Generator[Crew]:
    """Have workers at hand, and none afterwards."""
    hired = Crew(place, redeliver_after_s)
    try:
        yield hired
        hired.leave()
    finally:
        hired.kill()
