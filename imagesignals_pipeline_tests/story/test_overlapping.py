"""Several operators at once: the tables are the same, and the storage is not asked more."""

import subprocess
from pathlib import Path

import pytest

from imagesignals_pipeline_tests.faults.flats import Storage
from imagesignals_pipeline_tests.faults.locks import READERS, watched
from imagesignals_pipeline_tests.faults.place import place
from imagesignals_pipeline_tests.faults.trials import BACKFILL, BATCH_SIZE, LONGEST_S, CommandLine
from imagesignals_pipeline_tests.faults.ui import Daemon, dev

POOL_LIMIT = 1
"""Of the pool `screenshot_storage`, as dagster.yaml has it."""
TURN_S = 60
"""Longest that one of our writers waits for another one (`store/turns.py`)."""


@pytest.mark.timeout(400)
def test_operators_at_once(tmp_path: Path) -> None:
    """Two backfills, one that retries, and the daemon's runs on top, of the same months."""
    with Storage() as storage, place(tmp_path, storage) as there, dev(there) as running:
        CommandLine(there).undisturbed()
        digest = there.digest()
        there.reset()
        running.start()
        storage.most_at_once = 0
        with watched(there.engine) as locks:
            daemon = Daemon(running)
            daemon.launch()
            commands = [
                subprocess.Popen(
                    there.command(*BACKFILL, *more),
                    env=there.environ,
                    cwd=there.home,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                for more in ((), (), ("--retry-failed",))
            ]
            said = [command.communicate(timeout=LONGEST_S)[0] for command in commands]
            daemon.settle()
        assert [command.returncode for command in commands] == [0, 0, 0], said
        there.expect_whole(digest)
    print(locks, storage.most_at_once, len(storage.asked), storage.asked.total())
    assert locks.looks > 0
    assert locks.modes <= READERS
    assert locks.longest_wait_s < TURN_S
    assert 0 < storage.most_at_once <= POOL_LIMIT * BATCH_SIZE
