"""Kills around `imagesignals dev`: the daemon launches runs, people terminate them in the UI."""

import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import psutil
import requests
from sqlalchemy.exc import DBAPIError

from imagesignals_pipeline_tests.faults import processes
from imagesignals_pipeline_tests.faults.flats import MONTHS
from imagesignals_pipeline_tests.faults.place import Lost, Place, free_port
from imagesignals_pipeline_tests.faults.trials import (
    BATCH_SIZE,
    LONGEST_S,
    CommandLine,
    Moment,
    Victim,
    expect_no_orphans,
    postmaster,
    strike,
)

ASSETS = ("pending_submissions", "payment_image_signals", "image_perceptual_hash_index")
UP_S = 120.0
POLL_S = 0.7
STALE = 4
"""The web server keeps connections; after a crash of the database each of them fails once."""
LAUNCH = """
mutation ($backfill: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfill) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
STARTED = """
{ runsOrError(filter: {statuses: [STARTED]}) { ... on Runs { results { runId } } } }
"""
TERMINATE = """
mutation ($run: String!) { terminateRun(runId: $run) { __typename } }
"""
KNOWN = """
{ assetNodeOrError(assetKey: {path: ["payment_image_signals"]}) { __typename } }
"""


@dataclass(slots=True)
class Dev:
    """`imagesignals dev`, started once and again whenever it has ended."""

    place: Place
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    def start(self) -> None:
        """Start it unless it runs, and wait until the web server knows our assets."""
        if self.process is None or self.process.poll() is not None:
            self.port = free_port()
            with (self.place.home / "dev.log").open("ab") as log:
                self.process = subprocess.Popen(
                    self.place.command("dev", "--port", str(self.port)),
                    env=self.place.environ,
                    cwd=self.place.home,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        deadline = time.monotonic() + UP_S
        while not self._answers():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise Lost(f"The web server does not come up: {self.log()[-3000:]}")
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Stop it as a service manager would."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            if self.process.wait(UP_S):
                raise Lost(f"It did not stop well: {self.log()[-3000:]}")

    def kill(self) -> None:
        """Leave nothing of it behind, whatever happened."""
        if self.process is not None and self.process.poll() is None:
            for each in processes.below(self.process.pid):
                each.kill()
            self.process.kill()
            self.process.wait()

    def log(self) -> str:
        """Return all that it has said."""
        return (self.place.home / "dev.log").read_text(errors="replace")

    def ask(self, question: str, **variables: Any) -> dict[str, Any]:
        """Return the one answer of a GraphQL document.

        Raises:
            Lost: The web server answers with an error of its own.
        """
        answer = requests.post(
            f"http://127.0.0.1:{self.port}/graphql",
            json={"query": question, "variables": variables},
            timeout=60,
        ).json()
        if answer.get("errors"):
            raise Lost(str(answer["errors"]))
        (only,) = answer["data"].values()
        return only

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process is not None
        return self.process.pid

    def _answers(self) -> bool:
        try:
            return self.ask(KNOWN)["__typename"] == "AssetNode"
        except (requests.RequestException, Lost):
            return False


@contextmanager
def dev(place: Place) -> Generator[Dev]:
    """Have `imagesignals dev` at hand, and nothing of it afterwards."""
    running = Dev(place)
    try:
        yield running
        running.stop()
    finally:
        running.kill()


@dataclass(frozen=True, slots=True)
class Daemon:
    """Kills around a backfill that the UI has launched."""

    dev: Dev

    @property
    def place(self) -> Place:
        """Where all this happens."""
        return self.dev.place

    def trial(self, victim: Victim, moment: Moment, chance: Random, digest: str) -> str:
        """Kill once and judge; return what was done in a line, nothing if there was none to kill.

        What Dagster does by itself afterwards is waited for; the command line is the next run where
        that was not all.
        """
        self.dev.start()
        self.place.reset()
        event = self.place.last_event()
        self.launch()
        moment.wait(self.place, self._at_work)
        helpers = _decoders(self.dev.pid)
        done = self._strike(victim, chance)
        self.place.patiently()
        self.place.expect_kept(self.place.told_since(event))
        self.settle()
        expect_no_orphans(helpers)
        reported = self.place.expect_kept(self.place.told_since(event))
        healed = self.place.digest() == digest
        if not healed:
            CommandLine(self.place).undisturbed()
        self.place.expect_whole(digest)
        by = "by itself" if healed else "by the next run"
        return done and f"{done}, {reported} reported, healed {by}"

    def _at_work(self) -> bool:
        """Whether anything goes on; without haste, as it is asked often."""
        time.sleep(POLL_S / 2)
        return bool(self.place.busy())

    def launch(self) -> None:
        """Start a backfill of both months, as the UI does."""
        config = {"batch_size": BATCH_SIZE, "batch_delay": 0.05}
        chosen = {
            "assetSelection": [{"path": [name]} for name in ASSETS],
            "partitionNames": MONTHS,
            "allPartitions": False,
            "runConfigData": {"ops": {"payment_image_signals": {"config": config}}},
        }
        launched: dict[str, Any] = {}
        for _ in range(STALE):
            launched = self.dev.ask(LAUNCH, backfill=chosen)
            if launched["__typename"] == "LaunchBackfillSuccess":
                return
        raise Lost(str(launched))

    def _strike(self, victim: Victim, chance: Random) -> str:
        pid = self.dev.pid
        match victim:
            case Victim.RUN_CANCELLED:
                return self._terminate(chance)
            case Victim.RUN_DECODER:
                return strike(
                    chance,
                    lambda: processes.at_work(_decoders(pid)),
                    5,
                )
            case Victim.POSTGRES:
                return strike(chance, lambda: [postmaster(self.place)], 2)
            case Victim.DAEMON:
                return strike(chance, lambda: processes.daemons(pid), 5)
            case Victim.CODE_SERVER:
                return strike(chance, lambda: processes.code_servers(pid), 5)
            case _:
                return strike(chance, lambda: processes.run_workers(pid), 5)

    def _terminate(self, chance: Random) -> str:
        """Press Terminate on one of the runs, as soon as there is one."""
        while self.place.busy():
            if runs := self.dev.ask(STARTED)["results"]:
                run = chance.choice(runs)["runId"]
                answer = self.dev.ask(TERMINATE, run=run)["__typename"]
                return f"terminated {run[:8]} ({answer})"
            time.sleep(0.1)
        return ""

    def settle(self) -> None:
        """Wait until Dagster has ended, retried and monitored all that it wants to."""
        deadline = time.monotonic() + LONGEST_S
        quiet = 0
        while quiet < 3:
            self.dev.start()
            try:
                busy = self.place.busy()
            except DBAPIError:
                busy = ["database"]
            quiet = 0 if busy else quiet + 1
            if time.monotonic() > deadline:
                raise Lost(f"Never ends: {busy}\n{self.dev.log()[-2000:]}")
            time.sleep(POLL_S)


def _decoders(pid: int) -> list[psutil.Process]:
    return [each for run in processes.run_workers(pid) for each in processes.decoders(run.pid)]
