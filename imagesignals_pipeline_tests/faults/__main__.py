"""Kill every process of the pipeline at random, and judge the tables after the next run.

python -m imagesignals_pipeline_tests.faults [--kills 30] [--seed N]
"""

import sys
import tempfile
import time
from pathlib import Path
from random import Random

import click

from imagesignals_pipeline_tests.faults.flats import Storage
from imagesignals_pipeline_tests.faults.place import place
from imagesignals_pipeline_tests.faults.series import LOST, series
from imagesignals_pipeline_tests.faults.trials import Victim


@click.command(help=__doc__)
@click.option("--kills", type=click.IntRange(1), default=30, show_default=True)
@click.option("--seed", type=int, default=None, help="By default, the seconds of the clock.")
@click.option("--only", type=click.Choice(Victim), multiple=True, help="Kill nothing else.")
def main(kills: int, seed: int | None, only: tuple[Victim, ...]) -> None:
    """Print the seed and each kill; exit with 1 when something was lost."""
    seed = int(time.time()) if seed is None else seed
    print(f"seed {seed}", flush=True)
    lost = 0
    with (
        tempfile.TemporaryDirectory(
            prefix="imagesignals-faults-", ignore_cleanup_errors=True
        ) as home,
        Storage() as storage,
        place(Path(home), storage) as there,
    ):
        for number, line in enumerate(series(there, Random(seed), kills, only or None), 1):
            print(f"{number:3} {line}", flush=True)
            lost += line.startswith(LOST)
    print(f"{kills} kills with seed {seed}, {lost} of them lost something")
    sys.exit(int(lost > 0))


if __name__ == "__main__":
    main()
