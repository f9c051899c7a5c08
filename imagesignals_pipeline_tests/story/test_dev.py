"""The web server and the daemon, as `imagesignals dev` starts them and the UI talks to them."""

import signal
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import Any

import psutil
import pytest
import requests

from imagesignals_pipeline import settings, verify
from imagesignals_pipeline_tests.story.conftest import CleanRun, Operator

ASSETS = ("pending_submissions", "payment_image_signals", "image_perceptual_hash_index")
MONTHS = ("2025-09", "2025-10", "2025-11")  # the first is empty

LAUNCH = """
mutation ($backfill: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfill) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
BACKFILL = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill {
      status
      error { message }
      runs(limit: 50) { status tags { key value } }
    }
  }
}
"""
RELOAD = """
mutation {
  reloadRepositoryLocation(repositoryLocationName: "imagesignals_pipeline") { __typename }
}
"""
ASSET = """
query ($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode {
      assetMaterializations { partition runId }
      assetChecksOrError {
        ... on AssetChecks {
          checks { name executionForLatestMaterialization { status } }
        }
      }
    }
  }
}
"""


@dataclass(frozen=True, slots=True)
class WebServer:
    """Dagster's web server, which the UI asks all that it shows."""

    port: int

    def ask(self, question: str, **variables: Any) -> dict[str, Any]:
        """Return the one answer of a GraphQL document."""
        answer = requests.post(
            f"http://127.0.0.1:{self.port}/graphql",
            json={"query": question, "variables": variables},
            timeout=60,
        ).json()
        assert "errors" not in answer, answer
        (only,) = answer["data"].values()
        return only

    def answers(self) -> bool:
        """Whether it is up, and has loaded our definitions."""
        try:
            return "assetMaterializations" in self.ask(ASSET, key={"path": [ASSETS[1]]})
        except requests.ConnectionError:
            return False


def wait(until: Callable[[], bool], process: Popen[str], seconds: float) -> None:
    """Wait for something to happen while a process goes on."""
    deadline = time.monotonic() + seconds
    while not until():
        assert process.poll() is None, "it has ended"
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)


def processes_of(mark: str) -> list[str]:
    """Return the command lines of the processes with a text in their environment."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def apart(process: Popen[str]) -> tuple[set[int], set[int]]:
    """Return the web server, the daemon and their parent, and those that hold our definitions."""
    others: set[int] = set()
    code: set[int] = set()
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            command = child.cmdline()
            if "grpc" in command:
                code.add(child.pid)
            elif {"dev", "dagster_webserver", "dagster._daemon"} & {*command}:
                others.add(child.pid)
    return others, code


@contextmanager
def dev(operator: Operator, log: Path, port: int) -> Generator[Popen[str]]:
    """Run `imagesignals dev`; stop it as a service manager would, and show its log."""
    with log.open("w") as said:
        process = Popen(
            operator.command("dev", "--port", str(port)),
            env=dict(operator.environ),
            cwd=operator.folder,
            stdout=said,
            stderr=said,
            start_new_session=True,
            text=True,
        )
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(90) == 0
        finally:
            if process.poll() is None:  # a test failed: killed, it would leave Dagster behind
                process.send_signal(signal.SIGTERM)
                with suppress(TimeoutExpired):
                    process.wait(90)
            process.kill()
            process.wait()
            print(log.read_text()[-10_000:])


@pytest.mark.timeout(600)
def test_a_backfill_from_the_ui(society: Operator, clean_run: CleanRun, tmp_path: Path) -> None:
    """A backfill started over GraphQL is a run a month, ends like a clean one, leaves nothing.

    *Reload* before it takes another code server, and none of the others ends.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with dev(society, tmp_path / "dev.log", port) as process:
        server = WebServer(port)
        wait(server.answers, process, 120)
        others, code = apart(process)
        assert len(others) == 3
        assert server.ask(RELOAD)["__typename"] == "WorkspaceLocationEntry"
        wait(lambda: not code & apart(process)[1], process, 60)
        runs = backfill(server, process)
        assert apart(process)[0] >= others
        signals = server.ask(ASSET, key={"path": ["payment_image_signals"]})
        index = server.ask(ASSET, key={"path": ["image_perceptual_hash_index"]})
    assert processes_of(society.environ[settings.DAGSTER_DATABASE_URL]) == []
    assert sorted(tags["dagster/partition"] for tags in runs if "dagster/partition" in tags) == [
        *MONTHS
    ]
    assert sorted(each["partition"] for each in signals["assetMaterializations"]) == [*MONTHS]
    assert len({each["runId"] for each in signals["assetMaterializations"]}) == len(MONTHS)
    assert {**checks(signals), **checks(index)} == {
        check.name: "SUCCEEDED" if check.name != "failure_rate" else "FAILED"  # of nine, two
        for check in verify.CHECKS
    }
    assert society.digest() == clean_run.digest


def backfill(server: WebServer, process: Popen[str]) -> list[dict[str, str]]:
    """Run a backfill of all assets over `MONTHS` to its good end; return the tags of its runs."""
    chosen = {
        "assetSelection": [{"path": [name]} for name in ASSETS],
        "partitionNames": MONTHS,
        "allPartitions": False,
        "runConfigData": {"ops": {"payment_image_signals": {"config": {"batch_delay": 0}}}},
    }
    launched = server.ask(LAUNCH, backfill=chosen)
    assert launched["__typename"] == "LaunchBackfillSuccess", launched

    def state() -> dict[str, Any]:
        return server.ask(BACKFILL, id=launched["backfillId"])

    wait(lambda: state()["status"] != "REQUESTED", process, 300)
    ended = state()
    assert ended["status"] == "COMPLETED_SUCCESS", ended
    assert {run["status"] for run in ended["runs"]} == {"SUCCESS"}
    return [{tag["key"]: tag["value"] for tag in run["tags"]} for run in ended["runs"]]


def checks(asset: dict[str, Any]) -> dict[str, str]:
    """Return the result of each check of an asset."""
    return {
        check["name"]: check["executionForLatestMaterialization"]["status"]
        for check in asset["assetChecksOrError"]["checks"]
    }
