"""A pool of confined processes: calls that may crash, hang or eat memory, and hurt nobody."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from math import ceil
from pathlib import Path
from queue import LifoQueue
from threading import Lock
from typing import Any, Self, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline.workers.process import CleanContext, Limits, held_to, settle

T = TypeVar("T")

START_S = 60.0
"""How long a call may wait for its worker to start and to read it, on a very busy machine."""

_OUT_OF_TIME = frozenset({-signal.SIGXCPU, -signal.SIGALRM})


class StoppedError(Exception):
    """A call was stopped, or stopped its worker; the text is a clause that says why."""


class NoWorkersHereError(OperatorError):
    """There are none to be had: no picture is to blame, and none must be called a failure."""


class _KilledError(StoppedError):
    """A call's worker was killed, by the kernel or by somebody else."""


class Workers:
    """Runs calls in reused processes, each held to limits; a context manager.

    Processes start when calls need them. All methods may be used from any number of threads.

    Args:
        count: Number of processes, by default one for each core that this process may use.
        limits: What one call may cost.

    Raises:
        NoWorkersHereError: This is a daemonic process, as in Celery's pool `prefork`.
    """

    def __init__(self, count: int | None = None, *, limits: Limits | None = None) -> None:
        if multiprocessing.current_process().daemon:
            raise NoWorkersHereError(
                "Pictures cannot be decoded in a daemonic process, as in Celery's pool `prefork`: "
                "start workers with `imagesignals worker`."
            )
        self.count = count or available_cores()
        self._all = [_Worker(limits or Limits()) for _ in range(self.count)]
        self._idle: LifoQueue[_Worker] = LifoQueue()  # the last one used is the warmest
        for worker in self._all:
            self._idle.put(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the processes at once, also those that still work."""
        for worker in self._all:
            worker.stop()

    def call(self, function: Callable[..., T], *args: object) -> T:
        """Call a function of a module in a worker, and wait for its answer.

        Raises:
            StoppedError: It needed too much time or memory, or it killed its process; where the
                process was killed from outside, it has been called twice.
            NoWorkersHereError: Processes cannot be started, or all have been stopped.
        """
        worker = self._idle.get()  # a call waits here: its clock starts with its work
        try:
            with suppress(_KilledError):  # by whom? A call is to blame if it happens again
                return worker.call(function, args)
            return worker.call(function, args)
        except BrokenProcessPool as error:
            raise NoWorkersHereError(
                f"Pictures cannot be decoded: {error}. Run it again when the machine has room for "
                "more processes and open files."
            ) from error
        finally:
            self._idle.put(worker)


class _Worker:
    """One process, which makes one call at a time and is replaced when it dies.

    Pebble keeps it: it alone of the well-kept pools ends a call that takes too long and replaces
    the process, where the standard library's executor waits for ever. Each worker has a pool of
    its own, because workers of one pool share a pipe whose lock dies with who holds it: one that is
    killed while it takes a call or answers would take the others along. This class adds what Pebble
    leaves out: a new pool where one broke, and an answer when a worker dies without a trace.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._turn = Lock()
        self._stopped = False
        self._pool = self._new_pool()
        self._future: ProcessFuture[Any] | None = None

    def stop(self) -> None:
        """Stop the process at once; who waits for its answer is told, as is who calls later."""
        with self._turn:
            self._stopped = True
            self._end()

    def call(self, function: Callable[..., T], args: tuple[object, ...]) -> T:
        try:
            return self._answer(self._submit(function, args))
        except BrokenProcessPool:  # it was killed while idle, which Pebble takes for the end
            self._renew()
            return self._answer(self._submit(function, args))

    def _submit(self, function: Callable[..., T], args: tuple[object, ...]) -> ProcessFuture[T]:
        call = (self._limits, function, args)
        with self._turn:
            try:
                future = self._pool.schedule(held_call, args=call, timeout=self._limits.wall_s)
            except (OSError, RuntimeError) as error:  # what the call raises, its future tells
                raise BrokenProcessPool(_why_not_started(error)) from error
            self._future = future
        return future

    def _answer(self, future: ProcessFuture[T]) -> T:
        limits = self._limits
        try:
            return future.result(timeout=limits.wall_s + START_S)
        except TimeoutError as error:
            if not future.done():
                self._renew()
            raise StoppedError(f"it took longer than {limits.wall_s:g} s") from error
        except MemoryError as error:
            raise StoppedError(f"it needed more than {limits.memory_mib:,} MiB") from error
        except ProcessExpired as error:
            self._renew()  # it may have held the lock of its pipe
            kind = _KilledError if error.exitcode == -signal.SIGKILL else StoppedError
            raise kind(self._cause_of_death(error.exitcode)) from error
        except CancelledError as error:
            raise BrokenProcessPool("the worker process was stopped") from error

    def _cause_of_death(self, exit_code: int) -> str:
        if exit_code in _OUT_OF_TIME:
            return f"it took more than {self._limits.cpu_s} s of processor time"
        if exit_code == -signal.SIGKILL:
            return "its process was killed (is the machine out of memory?)"
        return f"it crashed (exit code {exit_code})"

    def _renew(self) -> None:
        with self._turn:
            if self._stopped:
                raise BrokenProcessPool("the worker process was stopped")
            self._end()
            self._pool = self._new_pool()

    def _end(self) -> None:
        """Stop the pool; Pebble would leave who waits for its answer waiting."""
        self._pool.stop()
        if self._future is not None:
            self._future.cancel()
        self._pool.join()

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            1,
            initializer=settle,
            context=CleanContext(),  # pyright: ignore[reportArgumentType] - typeshed has Windows' pipes
        )


def _why_not_started(error: OSError | RuntimeError) -> str:
    """Return why Pebble takes no call; its own error may have the system's as its cause."""
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, OSError):
        return f"no worker process can be started ({cause.strerror})"
    return "the worker process has ended"


def available_cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return the number of cores that this process may use, which a container may limit.

    Args:
        quota: Microseconds of processor time in a period, and the period; see cgroup-v2's cpu.max.
            A pod that may use 2 of 64 cores sees all of them, and would start 64 decoders.
    """
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        allowed, period = quota.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return seen
    return seen if allowed == "max" else max(1, min(seen, ceil(int(allowed) / int(period))))


def held_call(limits: Limits, function: Callable[..., T], args: tuple[object, ...]) -> T:
    """Run in a worker: make the call within the limits."""
    with held_to(limits):
        return function(*args)
