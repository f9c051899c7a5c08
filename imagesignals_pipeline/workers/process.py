"""Processes that handle bytes of strangers: they start clean and are held to limits (POSIX).

A worker is a new interpreter and not a fork: forking a process with threads (Dagster's) may
deadlock, and would hand every secret in memory to the decoder. It gets an environment without
secrets and no open files, and it does not import the parent's `__main__`, which may be anything:
a script that does its work unguarded, or a command that takes seconds to import.

There is no system-call filter: code that takes over a worker still runs as the operator's user.
"""

import contextlib
import io
import math
import multiprocessing.context as mp_context
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from multiprocessing import popen_spawn_posix, reduction, resource_tracker, spawn, util
from multiprocessing.process import BaseProcess
from pathlib import Path

MIB = 1024 * 1024

KEPT_VARIABLES = frozenset(
    {"HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "TMPDIR", "TZ"}
)
"""All that a worker sees of the environment: no database URL, no key, no Dagster instance."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
}
"""There is a worker for each core already."""

KEPT_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(8 * MIB),
    "MALLOC_TRIM_THRESHOLD_": str(64 * MIB),
}
"""What glibc keeps of freed memory (mallopt(3)): the arrays of a comparison, dozens of 1 to 4 MB.
Giving them back and taking them anew was half the time of laying one picture on another. Arrays of
large pictures are given back."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may cost.

    Attributes:
        memory_mib: Address space beyond what the idle worker has. 50 megapixels with an alpha
            band take 430 MiB as PNG and 780 MiB as WebP.
        cpu_s: Processor time in whole seconds; 50 megapixels take about 2.
        wall_s: Time on the clock; longer, because cores are shared.
    """

    memory_mib: int = 1024
    cpu_s: int = 15
    wall_s: float = 45.0


def settle() -> None:
    """Give up what a decoder never needs: files to write, core dumps, a graceful end.

    SIGTERM ends the process at once, also in the middle of a decoder's loop, where Python would
    not come to handle it.
    """
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(limit, (0, 0))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def held_to(limits: Limits) -> Generator[None]:
    """Hold this process to the limits for as long as the block runs.

    Too much memory is a MemoryError or the decoder's own abort; too much time ends the process
    (SIGXCPU, SIGALRM), also when the parent that should watch the clock is dead.
    """
    used = time_used_s()
    soft_limits = {
        resource.RLIMIT_AS: address_space_bytes() + limits.memory_mib * MIB,
        resource.RLIMIT_CPU: math.ceil(used) + limits.cpu_s,
    }
    before = {kind: resource.getrlimit(kind) for kind in soft_limits}
    for kind, value in soft_limits.items():
        _set_soft(kind, value)
    signal.setitimer(signal.ITIMER_REAL, limits.wall_s + 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for kind, pair in before.items():
            resource.setrlimit(kind, pair)


def _set_soft(kind: int, value: int) -> None:
    """Lower a soft limit, never above the hard one, which is the operator's."""
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def time_used_s() -> float:
    """Return the processor time of this process so far, as RLIMIT_CPU counts it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def address_space_bytes() -> int:
    """Return the size of this process's address space; libraries alone take half a gigabyte."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()


class _CleanPopen(popen_spawn_posix.Popen):
    """What `multiprocessing` asks of a started child, on a child that `subprocess` started.

    It launches as its base class does, except that the child is told nothing of the parent's main
    module, and that its environment and open files are chosen.
    """

    _fds: list[int]

    def _launch(self, process_obj: BaseProcess) -> None:
        tracker = resource_tracker.getfd() or 0
        orders = self._orders(process_obj)
        child_reads, parent_writes = os.pipe()
        self.sentinel, child_holds = os.pipe()
        self.finalizer = util.Finalize(self, _close, (self.sentinel, parent_writes))
        try:
            self._child = subprocess.Popen(
                spawn.get_command_line(tracker_fd=tracker, pipe_handle=child_reads),
                env=_environment(),
                pass_fds=[*self._fds, tracker, child_reads, child_holds],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # what decoders print does not belong to our output
                process_group=0,  # Ctrl-C is the parent's to handle
            )
        finally:
            _close(child_reads, child_holds)
        self.pid = self._child.pid
        with (
            contextlib.suppress(BrokenPipeError),  # a child that died is seen by poll
            os.fdopen(parent_writes, "wb", closefd=False) as pipe,
        ):
            pipe.write(orders)

    def _orders(self, process_obj: BaseProcess) -> bytes:
        """Pickle what the child is to do: where modules are found, then the process itself."""
        orders = io.BytesIO()
        mp_context.set_spawning_popen(self)  # pyright: ignore[reportArgumentType] - typeshed has Windows' class
        try:
            reduction.dump({"name": process_obj.name, "sys_path": sys.path}, orders)
            reduction.dump(process_obj, orders)
        finally:
            mp_context.set_spawning_popen(None)
        return orders.getvalue()

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        self.returncode = self._child.poll() if flag == os.WNOHANG else self._child.wait()
        return self.returncode


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in KEPT_VARIABLES}
    return kept | ONE_THREAD | KEPT_MEMORY


class _Process(mp_context.SpawnProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> _CleanPopen:  # noqa: N802  # pyright: ignore[reportIncompatibleMethodOverride] - the name is multiprocessing's, the type Windows'
        return _CleanPopen(process_obj)


class CleanContext(mp_context.SpawnContext):
    """A `multiprocessing` context whose processes start clean."""

    Process = _Process
