"""One kill each: something runs, something dies, and then what must hold."""

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from tempfile import TemporaryFile

import psutil

from imagesignals_pipeline_tests.faults import processes
from imagesignals_pipeline_tests.faults.place import Lost, Place

BATCH_SIZE = 3
BACKFILL = ("backfill", "--batch-size", str(BATCH_SIZE), "--batch-delay", "0.05")
LONGEST_S = 240.0
"""A run of the flats takes some ten seconds; longer than this is for ever."""
ORPHANS_S = 20.0


class Victim(StrEnum):
    """What dies."""

    COMMAND = "command line"
    COMMAND_IN_BATCH = "command line, in a batch"
    COMMAND_CANCELLED = "command line, Ctrl-C"
    COMMAND_DECODER = "decode worker of a command line"
    COMMAND_POSTGRES = "PostgreSQL under a command line"
    RUN = "run worker"
    RUN_IN_BATCH = "run worker, in a batch"
    RUN_CANCELLED = "run, terminated in the UI"
    RUN_DECODER = "decode worker of a run"
    POSTGRES = "PostgreSQL"
    DAEMON = "Dagster daemon"
    CODE_SERVER = "code server"


@dataclass(frozen=True, slots=True)
class Moment:
    """When: after a number of pictures were asked for, and then some seconds."""

    requests: int
    seconds: float

    @staticmethod
    def any(chance: Random, pictures: int, seconds: float) -> "Moment":
        """Choose one of a run: from before its first picture to after its last."""
        requests = chance.randint(0, pictures)
        return Moment(requests, chance.uniform(0, seconds if requests in {0, pictures} else 1))

    @staticmethod
    def in_batch(chance: Random, pictures: int) -> "Moment":
        """Choose one at which a picture is on its way, or was a moment ago."""
        return Moment(chance.randint(1, pictures), chance.uniform(0, 0.3))

    def wait(self, place: Place, alive: Callable[[], bool]) -> None:
        """Let it come; it comes early when all ends before."""
        before = place.storage.asked.total()
        deadline = time.monotonic() + LONGEST_S
        while place.storage.asked.total() - before < self.requests and alive():
            if time.monotonic() > deadline:
                raise Lost("Nothing went on any more.")
            time.sleep(0.01)
        time.sleep(self.seconds)

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s after picture {self.requests}"


def postmaster(place: Place) -> psutil.Process:
    """Return the first process of the embedded server."""
    (file,) = (place.home / "postgres").glob("pg*/postmaster.pid")
    return psutil.Process(int(file.read_text().split("\n", 1)[0]))


def strike(chance: Random, choices: Callable[[], list[psutil.Process]], seconds: float) -> str:
    """Kill one of the processes as soon as there is one; say which, or nothing if none came."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := choices():
            victim = chance.choice(found)
            try:
                victim.kill()
            except psutil.NoSuchProcess:
                continue
            return f"killed {victim.pid}"
        time.sleep(0.01)
    return ""


def expect_no_orphans(before: list[psutil.Process]) -> None:
    """Make sure that decode workers end with the process that they worked for."""
    _, alive = psutil.wait_procs(before, timeout=ORPHANS_S)
    alive = [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]
    if alive:
        raise Lost(f"Left behind: {alive}")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Kills around `imagesignals backfill`."""

    place: Place

    def undisturbed(self) -> float:
        """Run a backfill to its end; return its seconds."""
        began = time.monotonic()
        ended = subprocess.run(
            self.place.command(*BACKFILL),
            env=self.place.environ,
            cwd=self.place.home,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        if ended.returncode:
            raise Lost(f"The next backfill failed: {ended.stderr or ended.stdout}")
        return time.monotonic() - began

    def trial(self, victim: Victim, moment: Moment, chance: Random, digest: str) -> str:
        """Kill once and judge; return what was done, or nothing if there was none to kill."""
        place = self.place
        place.reset()
        with TemporaryFile("w+") as said:
            process = subprocess.Popen(
                place.command(*BACKFILL),
                env=place.environ,
                cwd=place.home,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
            try:
                moment.wait(place, lambda: process.poll() is None)
                helpers = processes.decoders(process.pid)
                done = self._strike(victim, process, chance)
                process.wait(LONGEST_S)
            finally:
                process.kill()
                process.wait()
            said.seek(0)
            output = said.read()
        expect_no_orphans(helpers)
        if victim is Victim.COMMAND_POSTGRES:
            subprocess.run(
                place.command("verify"), env=place.environ, capture_output=True, check=False
            )
        reported = place.expect_kept(output)
        killed = process.returncode == -signal.SIGKILL  # a worker that was to start then complains
        if "Traceback" in output and not killed:
            raise Lost(f"It did not end in a line: {output}")
        self.undisturbed()
        place.expect_whole(digest)
        return done and f"{done}, status {process.returncode}, {reported} reported"

    def _strike(self, victim: Victim, process: subprocess.Popen[bytes], chance: Random) -> str:
        if process.poll() is not None:
            return ""
        match victim:
            case Victim.COMMAND_CANCELLED:
                process.send_signal(signal.SIGINT)
                return "interrupted"
            case Victim.COMMAND_DECODER:
                return strike(chance, lambda: processes.at_work(processes.decoders(process.pid)), 5)
            case Victim.COMMAND_POSTGRES:
                return strike(chance, lambda: [postmaster(self.place)], 2)
            case _:
                return strike(chance, lambda: [psutil.Process(process.pid)], 2)
