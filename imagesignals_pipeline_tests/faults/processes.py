"""Who is who among the processes below the one that we started."""

from collections.abc import Iterator
from contextlib import suppress

import psutil

GONE = (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied)


def below(pid: int) -> list[psutil.Process]:
    """Return all living descendants of a process."""
    with suppress(*GONE):
        return psutil.Process(pid).children(recursive=True)
    return []


def says(process: psutil.Process, *words: str) -> bool:
    """Whether a process's command line holds all the words."""
    try:
        line = " ".join(process.cmdline())
    except GONE:
        return False
    return all(word in line for word in words)


def decoders(pid: int) -> list[psutil.Process]:
    """Return the decode workers of the process in which a run works, itself not included."""
    return [each for each in _children(pid) if says(each, "multiprocessing.spawn")]


def at_work(workers: list[psutil.Process]) -> list[psutil.Process]:
    """Return those of the processes that use the processor at this moment."""
    return [each for each in workers if _status(each) == psutil.STATUS_RUNNING]


def run_workers(pid: int) -> list[psutil.Process]:
    """Return the processes in which runs work, of all that `imagesignals dev` started."""
    return [each for server in code_servers(pid) for each in decoders(server.pid)]


def code_servers(pid: int) -> list[psutil.Process]:
    """Return the processes that hold our definitions and start runs."""
    return [each for each in below(pid) if says(each, "dagster", "api", "grpc")]


def daemons(pid: int) -> list[psutil.Process]:
    """Return Dagster's daemon."""
    return [each for each in below(pid) if says(each, "dagster._daemon", "run")]


def _children(pid: int) -> Iterator[psutil.Process]:
    with suppress(*GONE):
        yield from psutil.Process(pid).children()


def _status(process: psutil.Process) -> str:
    try:
        return process.status()
    except GONE:
        return psutil.STATUS_DEAD
