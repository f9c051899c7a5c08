"""A few of the random kills that `python -m imagesignals_pipeline_tests.faults` makes many of."""

import time
from pathlib import Path
from random import Random

import pytest

from imagesignals_pipeline_tests.faults.flats import Storage
from imagesignals_pipeline_tests.faults.place import place
from imagesignals_pipeline_tests.faults.series import LOST, series
from imagesignals_pipeline_tests.faults.trials import Victim


@pytest.mark.timeout(400)
def test_random_kills(tmp_path: Path) -> None:
    """After each the next run ends where an undisturbed one does; nothing reported is lost."""
    seed = int(time.time())
    print(f"seed {seed}")
    victims = (Victim.COMMAND_IN_BATCH, Victim.COMMAND_DECODER)
    with Storage() as storage, place(tmp_path, storage) as there:
        told = list(series(there, Random(seed), len(victims), victims))
    print(*told, sep="\n")
    assert len(told) == len(victims)
    assert not [line for line in told if line.startswith(LOST)]
