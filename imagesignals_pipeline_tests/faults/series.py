"""A series of kills: who dies when is chance, that each kind has its turn is not."""

import time
from collections.abc import Iterator, Sequence
from random import Random

from imagesignals_pipeline_tests.faults.flats import PICTURES
from imagesignals_pipeline_tests.faults.place import Lost, Place
from imagesignals_pipeline_tests.faults.trials import CommandLine, Moment, Victim
from imagesignals_pipeline_tests.faults.ui import Daemon, dev

LOST = "LOST"
"""Begins a line that tells what did not hold."""
TRIES = 3
"""How often a victim may have ended, or not have begun, when its moment comes."""
AT_WORK = frozenset(
    {
        Victim.COMMAND_IN_BATCH,
        Victim.COMMAND_DECODER,
        Victim.RUN_IN_BATCH,
        Victim.RUN_DECODER,
        Victim.RUN_CANCELLED,
    }
)
"""Who dies while pictures are on their way, not at any moment of a run."""
AFTERWARDS_S = 3.0


def series(
    place: Place, chance: Random, kills: int, only: Sequence[Victim] | None = None
) -> Iterator[str]:
    """Kill so often, each kind of victim in turn, and tell each kill in a line.

    What did not hold after a kill is told in its line; the series goes on.
    """
    place.reset()
    CommandLine(place).undisturbed()
    digest = place.digest()
    victims = only or list(Victim)
    turns = sorted((victims[number % len(victims)] for number in range(kills)), key=_by_command)
    with dev(place) as running:
        trials = {True: CommandLine(place), False: Daemon(running)}
        for victim in turns:
            yield _one(trials[_by_command(victim) == 0], victim, chance, digest)


def _by_command(victim: Victim) -> int:
    """Order the command line's victims before those of the daemon, which need not run till then."""
    return int(not victim.name.startswith("COMMAND"))


def _one(trial: CommandLine | Daemon, victim: Victim, chance: Random, digest: str) -> str:
    """Kill one, at another moment if there was nobody to kill."""
    for _ in range(TRIES):
        began = time.monotonic()
        moment = (
            Moment.in_batch(chance, PICTURES - 1)
            if victim in AT_WORK
            else Moment.any(chance, PICTURES, AFTERWARDS_S)
        )
        try:
            done = trial.trial(victim, moment, chance, digest)
        except Lost as lost:
            return f"{LOST} {victim}, {moment}: {lost}"
        if done:
            return f"{victim}, {moment}: {done} ({time.monotonic() - began:.0f} s)"
    return f"{LOST} {victim}: there never was one to kill"
