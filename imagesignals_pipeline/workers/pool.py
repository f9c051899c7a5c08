"""A pool of confined processes: calls that may crash, hang or eat memory, and hurt nobody."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from math import ceil
from pathlib import Path
from threading import BoundedSemaphore, Lock
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
    """This process may not start any: no picture is to blame, and none must be called a failure."""


class _KilledError(StoppedError):
    """A call's worker was killed, by the kernel or by somebody else."""


class Workers:
    """Runs calls in reused processes, each held to limits; a context manager.

    Pebble keeps the pool: it alone of the well-kept ones ends a call that takes too long and
    replaces the one worker, where the standard library's executor waits for ever, or loses the
    whole pool with all its calls when one worker dies. This class adds what Pebble leaves out: a
    new pool when an idle worker was killed, and an answer when a worker dies without a trace.

    Processes start with the first call. All methods may be used from any number of threads.

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
        self._limits = limits or Limits()
        self._free = BoundedSemaphore(self.count)
        self._renewing = Lock()
        self._closed = False
        self._running: dict[ProcessFuture[Any], ProcessPool] = {}
        self._pool = self._new_pool()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the processes at once, also those that still work."""
        with self._renewing:
            self._closed = True
            self._end(self._pool)

    def call(self, function: Callable[..., T], *args: object) -> T:
        """Call a function of a module in a worker, and wait for its answer.

        Raises:
            StoppedError: It needed too much time or memory, or it killed its process; where the
                process was killed from outside, it has been called twice.
            BrokenProcessPool: Processes cannot be started at all; no call is to blame.
        """
        with self._free:  # a call waits here, not in the pipe, and its clock starts with its work
            try:
                return self._call(function, args)
            except _KilledError:  # nobody knows by whom: a call is to blame if it happens again
                return self._call(function, args)

    def _call(self, function: Callable[..., T], args: tuple[object, ...]) -> T:
        pool = self._pool
        try:
            return self._attempt(pool, function, args)
        except BrokenProcessPool:  # an idle worker was killed, which Pebble takes for the end
            return self._attempt(self._renewed(pool), function, args)

    def _attempt(
        self, pool: ProcessPool, function: Callable[..., T], args: tuple[object, ...]
    ) -> T:
        future = self._submit(pool, function, args)
        self._running[future] = pool
        if self._closed or self._pool is not pool:  # it ended before it could see this call
            future.cancel()
        try:
            return self._answer(pool, future)
        finally:
            del self._running[future]

    def _submit(
        self, pool: ProcessPool, function: Callable[..., T], args: tuple[object, ...]
    ) -> ProcessFuture[T]:
        wall_s = self._limits.wall_s
        try:
            return pool.schedule(held_call, args=(self._limits, function, args), timeout=wall_s)
        except RuntimeError as error:
            raise BrokenProcessPool("The worker processes have ended") from error

    def _answer(self, pool: ProcessPool, future: ProcessFuture[T]) -> T:
        limits = self._limits
        try:
            return future.result(timeout=limits.wall_s + START_S)
        except TimeoutError as error:
            if not future.done():
                self._renewed(pool)
            raise StoppedError(f"it took longer than {limits.wall_s:g} s") from error
        except MemoryError as error:
            raise StoppedError(f"it needed more than {limits.memory_mib:,} MiB") from error
        except ProcessExpired as error:
            kind = _KilledError if error.exitcode == -signal.SIGKILL else StoppedError
            raise kind(self._cause_of_death(error.exitcode)) from error
        except CancelledError as error:
            raise BrokenProcessPool("The worker processes were stopped") from error

    def _cause_of_death(self, exit_code: int) -> str:
        if exit_code in _OUT_OF_TIME:
            return f"it took more than {self._limits.cpu_s} s of processor time"
        if exit_code == -signal.SIGKILL:
            return "its process was killed (is the machine out of memory?)"
        return f"it crashed (exit code {exit_code})"

    def _renewed(self, broken: ProcessPool) -> ProcessPool:
        """Replace a broken pool, once however many calls found it broken."""
        with self._renewing:
            if self._closed:
                raise BrokenProcessPool("The worker processes were stopped")
            if self._pool is broken:
                self._pool = self._new_pool()
                self._end(broken)
            return self._pool

    def _end(self, pool: ProcessPool) -> None:
        """Stop a pool; Pebble would leave those who wait for its answers waiting."""
        pool.stop()
        for future in [future for future, of in self._running.copy().items() if of is pool]:
            future.cancel()
        pool.join()

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            self.count,
            initializer=settle,
            context=CleanContext(),  # pyright: ignore[reportArgumentType] - typeshed has Windows' pipes
        )


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
