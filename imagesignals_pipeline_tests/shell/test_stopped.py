"""What is wrong for a whole run is asked once, however many batches are left of it."""

import contextlib
import socket
import threading
from collections.abc import Callable
from multiprocessing import spawn
from multiprocessing.resource_tracker import ensure_running

import dagster as dg
import pytest
from sqlalchemy import Connection, make_url, text

from imagesignals_pipeline import settings
from imagesignals_pipeline.definitions import defs
from imagesignals_pipeline.defs import stopped
from imagesignals_pipeline.sql import query
from imagesignals_pipeline.store import turns
from imagesignals_pipeline_tests.fetch.servers import Line, Seen, Server, reply
from imagesignals_pipeline_tests.fetch.supabase import Supabase
from imagesignals_pipeline_tests.few import OCTOBER, receipt

BATCHES = 5
STORED = "/storage/v1/object/public/b/"


class Relay:
    """A way to PostgreSQL over TCP that can be cut; counts who comes then."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.is_cut = False
        self.in_vain = 0
        self._begin(self._accept)

    def cut(self) -> None:
        """End all connections, and every new one at once."""
        self.is_cut = True
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Take nobody any more."""
        self.cut()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for each in (self._listener, *self._open):
            each.close()

    def _begin(self, work: Callable[..., None], *args: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.is_cut:
                    self.in_vain += 1
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._path)
                self._open += client, server
                self._begin(self._hand_on, client, server)
                self._begin(self._hand_on, server, client)

    @staticmethod
    def _hand_on(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := one.recv(65536):
                other.sendall(content)
            other.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def waiting(
    connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Connection:
    """A connection to a database in which as many screenshots wait as there are to be batches."""
    for number in range(BATCHES):
        connection.execute(
            text(
                "insert into payment_submissions (flat_id, screenshot_url, created_at)"
                " values (:flat_id, :url, :created_at)"
            ),
            {
                "flat_id": f"F-{number}",
                "url": f"{number}.png",
                "created_at": OCTOBER.replace(minute=number),
            },
        )
    connection.commit()
    monkeypatch.setenv(settings.DATABASE_URL, database_url)
    return connection


def run(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Run the month with a batch for each screenshot."""
    return defs.resolve_job_def("image_signals_backfill").execute_in_process(
        instance=instance,
        partition_key="2025-10",
        run_config={
            "ops": {"payment_image_signals": {"config": {"batch_delay": 0, "batch_size": 1}}}
        },
        raise_on_error=False,
    )


def reasons(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return what each step that failed says of it."""
    failed = result.filter_events(lambda event: event.is_step_failure)
    described = [event.step_failure_data.user_failure_data for event in failed]
    return [str(each.description) for each in described if each is not None]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "the bucket b is private or missing: set IMAGESIGNALS_STORAGE_KEY"),
        ("sb_secret_WRONG_KEY", "the storage refuses IMAGESIGNALS_STORAGE_KEY: set a valid key"),
    ],
)
def test_the_storage_is_asked_by_the_first_batch_alone(
    waiting: Connection,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    reason: str,
) -> None:
    """All batches of a run say the same line; the next run asks anew."""
    monkeypatch.setenv(settings.STORAGE_KEY, key)
    with Server(otherwise=Supabase(private={"b": {"0.png": receipt()}})) as server:
        monkeypatch.setenv(settings.STORAGE_URL, server.url + STORED)
        said = reasons(run(instance))
        asked = server.paths()
        assert said == [said[0]] * BATCHES
        assert said[0].startswith(reason)
        assert {each.rpartition("/")[2] for each in asked if each.endswith(".png")} == {"0.png"}
        assert reasons(run(instance)) == said
        assert server.paths() == asked * 2
    assert not waiting.execute(text("select from payment_image_signals")).all()


def test_a_dead_database_is_waited_for_by_two_batches(
    waiting: Connection,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
) -> None:
    """By the one that lost it and the next one; what was committed before stays."""
    url = make_url(database_url)
    relay = Relay(f"{url.query['host']}/.s.PGSQL.{url.query.get('port', 5432)}")
    through = url.set(host="127.0.0.1", port=relay.port, query={"sslmode": "disable"})
    monkeypatch.setenv(settings.DATABASE_URL, through.render_as_string(hide_password=False))

    def cut(line: Line, seen: Seen) -> object:
        relay.cut()
        return reply(200, receipt())(line, seen)

    answers = {f"{STORED}1.png": cut}
    with contextlib.closing(relay), Server(answers, reply(200, receipt())) as server:
        monkeypatch.setenv(settings.STORAGE_URL, server.url + STORED)
        said = reasons(run(instance))
        assert server.paths() == [f"{STORED}0.png", f"{STORED}1.png"]
    assert len(said) == BATCHES - 1
    assert len({*said}) == 1
    assert relay.in_vain == 2
    assert len(waiting.execute(text("select from payment_image_signals")).all()) == 1


def test_busy_tables_are_the_matter_of_one_batch(
    waiting: Connection, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next batch tries again, and the run saves what it can."""
    monkeypatch.setattr(turns, "TURN_TIMEOUT", "200ms")

    def release(line: Line, seen: Seen) -> object:
        waiting.rollback()
        return reply(200, receipt())(line, seen)

    with Server({f"{STORED}1.png": release}, reply(200, receipt())) as server:
        monkeypatch.setenv(settings.STORAGE_URL, server.url + STORED)
        waiting.execute(query("lock_writes"))
        said = reasons(run(instance))
        assert len(server.paths()) == BATCHES
    assert [each.partition(":")[0] for each in said] == [
        "Other programs keep the image signal tables locked"
    ]
    rows = waiting.execute(text("select from payment_image_signals")).all()
    assert len(rows) == BATCHES - 1


def test_without_decoders_one_batch_is_fetched(
    waiting: Connection, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no process can be started, the run ends in one line, and no screenshot has failed."""
    ensure_running()  # multiprocessing's own helper is another process
    with Server(otherwise=reply(200, receipt())) as server:
        monkeypatch.setenv(settings.STORAGE_URL, server.url + STORED)
        with monkeypatch.context() as patch:
            patch.setattr(spawn, "_python_exe", b"/dev/null/python")
            said = reasons(run(instance))
        assert server.paths() == [f"{STORED}0.png"]
        assert said == [said[0]] * BATCHES
        assert said[0].startswith("Pictures cannot be decoded: no worker process can be started")
        count = text("select count(*) from payment_image_signals")
        assert waiting.execute(count).scalar_one() == 0
        waiting.rollback()
        assert reasons(run(instance)) == []
    assert waiting.execute(count).scalar_one() == BATCHES


def test_few_runs_are_remembered() -> None:
    """A process that works for months does not remember all that went wrong."""
    for number in range(2 * stopped.REMEMBERED):
        with pytest.raises(dg.Failure), stopped.noted(f"run {number}"):
            raise stopped.NotPlannedError
    stopped.check("run 0")
    with pytest.raises(dg.Failure, match="has not planned its batches"):
        stopped.check(f"run {2 * stopped.REMEMBERED - 1}")
