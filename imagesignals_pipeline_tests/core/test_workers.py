"""Calls that crash, hang or eat memory end in an exception, and the next call works."""

import multiprocessing
import os
import platform
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagesignals_pipeline.workers import Limits, StoppedError, Workers
from imagesignals_pipeline.workers import pool as pool_module
from imagesignals_pipeline.workers.pool import NoWorkersHereError, available_cores, held_call
from imagesignals_pipeline.workers.process import MIB, address_space_bytes, held_to, time_used_s

QUICK = Limits(memory_mib=256, cpu_s=1, wall_s=2.0)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """Two workers with small limits, shared by tests: each leaves them usable."""
    with Workers(2, limits=QUICK) as shared:
        yield shared


def kill_itself() -> None:
    """End like a process that the kernel kills for memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def spin() -> None:
    """Use the processor without end, deaf to Python's signal handlers."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pass


def grow() -> int:
    """Ask for more memory than anyone may have."""
    return len(bytearray(4096 * MIB))


def recurse() -> None:
    """Fail in the call itself."""
    raise LookupError("the call's own")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (os.abort, r"it crashed \(exit code -6\)"),
        (kill_itself, r"its process was killed \(is the machine out of memory\?\)"),
        (grow, "it needed more than 256 MiB"),
    ],
)
def test_a_call_that_ends_its_worker_is_an_exception(
    workers: Workers, function: Callable[[], None], reason: str
) -> None:
    """The reason is told, others that run meanwhile are not touched, and the next call works."""
    with ThreadPoolExecutor(1) as thread:
        other = thread.submit(workers.call, time.sleep, 0.7)
        with pytest.raises(StoppedError, match=f"^{reason}$"):
            workers.call(function)
        assert other.result() is None
    assert [workers.call(abs, -number) for number in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize(("function", "argument"), [(time.sleep, 60), (os._exit, 0)])
def test_a_call_without_an_answer_ends_in_time(
    workers: Workers, function: Callable[[int], None], argument: int
) -> None:
    """A hang, and a worker that leaves without a word, end soon after the wall-clock limit."""
    start = time.monotonic()
    with pytest.raises(StoppedError, match=r"^it took longer than 2 s$"):
        workers.call(function, argument)
    assert QUICK.wall_s <= time.monotonic() - start < QUICK.wall_s + 8
    assert workers.call(abs, -1) == 1


def test_a_loop_ends_by_its_processor_time() -> None:
    """Processor time is limited by the kernel, whatever the worker makes of signals."""
    with Workers(1, limits=Limits(cpu_s=1, wall_s=40)) as pool:
        with pytest.raises(StoppedError, match=r"^it took more than 1 s of processor time$"):
            pool.call(spin)
        assert pool.call(abs, -1) == 1


def test_an_exception_of_the_call_is_handed_on(workers: Workers) -> None:
    """What a call raises by itself is raised here."""
    with pytest.raises(LookupError, match="the call's own"):
        workers.call(recurse)


def test_workers_are_reused() -> None:
    """A hundred calls are served by the same two processes."""
    with Workers(2, limits=QUICK) as pool, ThreadPoolExecutor(8) as threads:
        served_by = set(threads.map(pool.call, [os.getpid] * 100))
    assert len(served_by) <= 2
    assert os.getpid() not in served_by


def processes_of(pool: Workers) -> set[int]:
    """Ask workers who they are until both have answered."""
    with ThreadPoolExecutor(2) as threads:
        found: set[int] = set()
        while len(found) < 2:
            found |= set(threads.map(pool.call, [_pid_after_a_while] * 2))
    return found


def _pid_after_a_while() -> int:
    time.sleep(0.05)
    return os.getpid()


def die_once(mark: str) -> str:
    """End like a process that somebody kills, the first time; a worker may make directories."""
    try:
        Path(mark).mkdir()
    except FileExistsError:
        return "answered"
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_a_call_is_not_blamed_for_one_kill(workers: Workers, tmp_path: Path) -> None:
    """Whose worker is killed at work once is called again, and answers."""
    assert workers.call(die_once, str(tmp_path / "killed")) == "answered"


class DeadlyToPass:
    """Whoever first unpickles it dies as if killed: the worker that takes it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], str], tuple[str]]:
        return die_once, (str(self.mark),)


class DeadlyToTell(DeadlyToPass):
    """Whoever first pickles it dies: the worker that answers with it."""

    def __reduce__(self) -> tuple[Callable[[str], str], tuple[str]]:
        die_once(str(self.mark))
        return super().__reduce__()


def test_who_dies_taking_or_answering_takes_nobody_along(tmp_path: Path) -> None:
    """Pebble's workers share a pipe and its lock, which nobody would ever release."""
    with Workers(2, limits=QUICK) as pool, ThreadPoolExecutor(2) as threads:
        processes_of(pool)
        taking = threads.submit(pool.call, str, DeadlyToPass(tmp_path / "taking"))
        answering = threads.submit(pool.call, DeadlyToTell, tmp_path / "answering")
        assert [taking.result(), answering.result()] == ["answered", "answered"]
        assert list(threads.map(pool.call, [abs] * 4, [-1, -2, -3, -4])) == [1, 2, 3, 4]
        assert len(list(tmp_path.iterdir())) == 2


def test_killed_idle_workers_are_replaced() -> None:
    """Pebble takes the death of an idle worker for the end of the pool; calls go on here."""
    with Workers(2, limits=QUICK) as pool:
        first = processes_of(pool)
        for process in first:
            os.kill(process, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while any(map(alive, first)) and time.monotonic() < deadline:
            time.sleep(0.05)
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(pool.call, [abs] * 4, [-1, -2, -3, -4])) == [1, 2, 3, 4]
        assert not processes_of(pool) & first


def alive(process: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except FileNotFoundError:
        return False
    return state.split()[0] != "Z"


def test_the_pool_outlives_the_thread_that_began_it() -> None:
    """Workers that a short-lived thread started serve the next one."""
    with Workers(1, limits=QUICK) as pool:
        found: list[int] = []
        for _ in range(2):
            thread = threading.Thread(target=lambda: found.append(pool.call(os.getpid)))
            thread.start()
            thread.join()
    assert found[0] == found[1]


def test_stopped_workers_stay_stopped() -> None:
    """After the end there are no processes left, and a call says so instead of starting some."""
    with Workers(2, limits=QUICK) as pool:
        processes = processes_of(pool)
    assert not any(map(alive, processes))
    with pytest.raises(NoWorkersHereError, match="was stopped"):
        pool.call(abs, -1)


def test_leaving_ends_calls_that_run() -> None:
    """Whoever leaves does not wait for a picture that hangs."""
    with ThreadPoolExecutor(1) as thread:
        with Workers(1, limits=Limits(wall_s=60)) as pool:
            pool.call(abs, -1)
            hanging = thread.submit(pool.call, time.sleep, 50)
            time.sleep(0.3)
            start = time.monotonic()
        assert time.monotonic() - start < 5
        with pytest.raises(NoWorkersHereError, match="was stopped"):
            hanging.result(timeout=10)


def test_a_lost_call_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """When not even Pebble's clock ends a call, ours does, and the pool is made anew."""
    monkeypatch.setattr(pool_module, "START_S", -QUICK.wall_s + 1)
    with Workers(1, limits=QUICK) as pool:
        pool.call(abs, -1)
        with pytest.raises(StoppedError, match=r"^it took longer than 2 s$"):
            pool.call(time.sleep, 60)
        monkeypatch.undo()
        assert pool.call(abs, -1) == 1


def surroundings() -> tuple[dict[str, str], list[str], int, bool]:
    """Return what a worker sees of its parent: environment, open files, group, main module."""
    block = Path("/proc/self/environ").read_text(encoding="utf-8")
    variables = dict(line.split("=", 1) for line in block.split("\0") if line)
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    main = hasattr(sys.modules["__main__"], "SECRET")
    return variables | dict(os.environ), [str(link) for link in links], os.getpgrp(), main


def test_a_worker_inherits_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable but a few harmless ones, no open file, no terminal's Ctrl-C."""
    monkeypatch.setenv("IMAGESIGNALS_DATABASE_URL", "postgresql://u:swordfish@h/d")
    monkeypatch.setenv("IMAGESIGNALS_STORAGE_KEY", "swordfish")
    secret = tmp_path / "secret"
    secret.touch()
    inheritable = os.open(secret, os.O_RDONLY)
    os.set_inheritable(inheritable, True)
    try:
        with Workers(1, limits=QUICK) as pool:
            variables, files, group, _ = pool.call(surroundings)
    finally:
        os.close(inheritable)
    assert "swordfish" not in str(variables)
    assert "PATH" in variables
    assert not any("secret" in file for file in files)
    assert group != os.getpgrp()


UNGUARDED = """
import sys, time
from imagesignals_pipeline.workers import Limits, Workers
print("main", flush=True)
SECRET = 1
pool = Workers(2, limits=Limits(wall_s=30))
print(pool.call(abs, -7), flush=True)
from imagesignals_pipeline_tests.core.test_workers import processes_of, surroundings
print(pool.call(surroundings)[3], flush=True)
print(*processes_of(pool), flush=True)
if "wait" in sys.argv:
    time.sleep(60)
if "work" in sys.argv:
    pool.call(time.sleep, 60)
"""


def test_any_program_may_use_workers(tmp_path: Path) -> None:
    """A script without a guard around its work runs once, and its workers end with it."""
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script], check=False, capture_output=True, text=True, timeout=60
    )
    lines = done.stdout.split("\n")
    assert (done.returncode, lines[:3], done.stderr) == (0, ["main", "7", "False"], "")
    assert not any(alive(int(process)) for process in lines[3].split())


@pytest.mark.parametrize(
    ("end", "how"),
    [
        (signal.SIGKILL, "wait"),
        (signal.SIGKILL, "work"),
        (signal.SIGTERM, "wait"),
        (signal.SIGINT, "work"),
    ],
)
def test_workers_do_not_outlive_their_parent(tmp_path: Path, end: signal.Signals, how: str) -> None:
    """Whichever way the parent dies, idle workers are gone at once; busy ones have their limit."""
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED.replace("wall_s=30", "wall_s=2"), encoding="utf-8")
    parent = subprocess.Popen(
        [sys.executable, script, how], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert parent.stdout is not None
    with parent.stdout as output:
        lines = [next(output) for _ in range(4)]
        time.sleep(0.5 if how == "work" else 0.0)
        parent.send_signal(end)
        assert parent.wait(timeout=20) != 0
    processes = [int(process) for process in lines[3].split()]
    deadline = time.monotonic() + 10
    while any(map(alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, processes))


def test_limits_hold_for_the_call_only() -> None:
    """Between calls a worker may receive what it needs; a block restores what it lowered."""
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU)
    before = [resource.getrlimit(kind) for kind in kinds]
    limits = Limits(memory_mib=512, cpu_s=100, wall_s=100)
    with held_to(limits):
        lowered = [resource.getrlimit(kind)[0] for kind in kinds]
        with pytest.raises(MemoryError):
            bytearray(600 * MIB)
    assert 0 < lowered[0] <= address_space_bytes() + 600 * MIB
    assert time_used_s() + 90 < lowered[1] <= time_used_s() + 101
    assert [resource.getrlimit(kind) for kind in kinds] == before
    assert held_call(limits, abs, (-3,)) == 3
    with pytest.raises(LookupError):
        held_call(limits, recurse, ())
    assert [resource.getrlimit(kind) for kind in kinds] == before


def test_the_operator_s_own_limit_is_respected() -> None:
    """A hard limit below ours stays: the call gets what the operator allows."""
    code = (
        "import resource as r; from imagesignals_pipeline.workers.process import *;"
        "r.setrlimit(r.RLIMIT_CPU, (50, 50))\n"
        "with held_to(Limits(cpu_s=1000)): print(r.getrlimit(r.RLIMIT_CPU))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "(50, 50)\n"


def test_there_is_a_worker_for_each_core() -> None:
    """By default the pool is as large as the cores that this process may use."""
    assert Workers().count == available_cores() >= 1


def test_a_daemonic_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process without children, as in Celery's pool `prefork`, calls no picture a failure."""
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(NoWorkersHereError, match="imagesignals worker"):
        Workers(1)


def test_a_container_s_share_of_the_cores_counts(tmp_path: Path) -> None:
    """The limit of a pod leaves all cores of its machine in sight."""
    seen = available_cores(tmp_path / "no cgroups here")
    told = {"max 100000\n": seen, "150000 100000\n": min(2, seen), "1000 100000\n": 1, "": seen}
    for text, cores in told.items():
        quota = tmp_path / "cpu.max"
        quota.write_text(text)
        assert available_cores(quota) == cores


THREADS = """
import ctypes, sys, threading
from imagesignals_pipeline.workers import share_arenas
if sys.argv[1] == "shared":
    share_arenas()
barrier = threading.Barrier(12)
def keep():
    kept = bytearray(100_000)
    barrier.wait()
threads = [threading.Thread(target=keep) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="arenas are glibc's")
def test_threads_share_arenas() -> None:
    """Each thread would have one, and keep what it has freed."""
    counts = {
        name: subprocess.run(
            [sys.executable, "-c", THREADS, name], capture_output=True, text=True, check=True
        ).stderr.count("Arena ")
        for name in ("shared", "each its own")
    }
    assert counts["shared"] == available_cores() < counts["each its own"]
