"""Where all chance of the evaluation set comes from: names, and a seed for another set."""

from random import Random

_seed = ""


def sow(seed: int) -> None:
    """Let all further draws be those of another set; 0 is the set that limits were chosen with."""
    global _seed  # noqa: PLW0603 - one set a process, and its draws are named from everywhere
    _seed = f"{seed} " if seed else ""


def chance(name: str) -> Random:
    """Return what a name draws, the same every time."""
    return Random(_seed + name)
