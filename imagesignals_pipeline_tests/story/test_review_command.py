"""The command that serves the review page."""

import re
import signal
import subprocess

import requests

from imagesignals_pipeline import settings
from imagesignals_pipeline_tests.story.conftest import PATIENCE_S, Operator


def address_of(process: subprocess.Popen[str]) -> str:
    """Return where the page is, as the command says it."""
    assert process.stdout is not None
    said = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", said)
    assert found, said
    return found[0]


def test_it_serves_until_it_is_stopped(operator: Operator) -> None:
    """The address is printed, a second one at the port is refused, and Ctrl-C ends it well."""
    clock = {settings.TIME_ZONE: "Asia/Kolkata"}
    with operator.starts("review", "--port", "0", **clock) as process:
        address = address_of(process)
        page = requests.get(address, timeout=60).text
        assert "No copy was found. 0 screenshots are analysed." in page
        assert "Times are in Asia/Kolkata" in page
        second = operator.runs("review", "--port", address.rpartition(":")[2])
        assert second.status == 1
        assert "cannot be used" in second.err
        assert len(second.err.splitlines()) == 1
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, "")


def test_a_wrong_policy_is_refused_at_once(operator: Operator) -> None:
    """Nobody serves pictures because `none` was misspelt."""
    said = operator.runs("review", "--port", "0", **{settings.THUMBNAILS: "no"})
    assert said.status == 1
    assert said.err == "imagesignals: Set IMAGESIGNALS_THUMBNAILS to show or none.\n"
