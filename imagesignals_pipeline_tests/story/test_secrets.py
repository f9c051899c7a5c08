"""Marked secrets everywhere, trouble at every stage: no mark is found where people can look."""

import os
import re
import signal
import threading
import time
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import Popen
from typing import Any
from uuid import uuid4

import pytest
import requests
from sqlalchemy import Engine, NullPool, create_engine, make_url, text

from imagesignals_pipeline import database, settings
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres
from imagesignals_pipeline.fetch import FetchSettings
from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline_tests.faults import processes
from imagesignals_pipeline_tests.faults.place import free_port
from imagesignals_pipeline_tests.fetch.servers import Answer, Line, Seen, Server, raw, reply
from imagesignals_pipeline_tests.few import OCTOBER, receipt
from imagesignals_pipeline_tests.story.conftest import Operator

MARK = "mArK3d"
"""In every secret of this module, and nowhere else."""
PASSWORD = f"pw-{MARK}-db"
KEY = f"sb_secret_{MARK}_key"
THUMBNAIL_KEY = f"{MARK}{'A' * 37}="
SIGNED = f"token=ey{MARK}.signed"
MONTH = "2025-10"
FAST = ("backfill", "--batch-delay", "0", "--batch-size", "100")
PLACE = "/storage/v1/object/public/shots/"
HEX = MARK.encode().hex()

LAUNCH = """
mutation ($run: ExecutionParams!) {
  launchRun(executionParams: $run) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PythonError { message stack }
  }
}
"""
ALL_RUNS = """
{
  runsOrError {
    ... on Runs {
      results {
        runId status runConfigYaml tags { key value }
        eventConnection(limit: 1000) {
          events {
            __typename
            ... on MessageEvent { message }
            ... on ErrorEvent { error { message stack causes { message stack } } }
            ... on MaterializationEvent { metadataEntries { label description } }
            ... on LogsCapturedEvent { logKey externalStdoutUrl }
          }
        }
      }
    }
  }
}
"""
EVERYTHING_ELSE = """
{
  instance { info daemonHealth { allDaemonStatuses { lastHeartbeatErrors { message } } } }
  workspaceOrError { ... on Workspace { locationEntries { name displayMetadata { key value } } } }
  repositoriesOrError {
    ... on RepositoryConnection {
      nodes {
        allTopLevelResourceDetails {
          name description configFields { name defaultValueAsJson } configuredValues { key value }
        }
        assetNodes {
          assetKey { path } description metadataEntries { label description }
          assetMaterializations { metadataEntries {
            label description
            ... on TextMetadataEntry { text }
            ... on MarkdownMetadataEntry { mdStr }
            ... on JsonMetadataEntry { jsonString }
          } }
        }
      }
    }
  }
}
"""


@dataclass(slots=True)
class Searched:
    """All that was looked at, and where the mark was found."""

    found: list[str] = field(default_factory=list[str])
    looked_at: int = 0

    def look(self, where: str, content: str | bytes) -> None:
        """Look for the mark in a text, or in bytes as they are, packed or written in hex."""
        data = content.encode() if isinstance(content, str) else content
        self.looked_at += 1
        for shape in (data, _unpacked(data)):
            for each in (MARK, HEX):
                at = shape.find(each.encode())
                if at >= 0:
                    self.found.append(f"{where}: {shape[max(0, at - 300) : at + 60]!r}")
                    return


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return b""


@contextmanager
def watching_processes(searched: Searched) -> Generator[None]:
    """Look at the command lines of all processes of this machine, as `ps` would, all the time."""
    over = threading.Event()
    seen: set[bytes] = set()

    def watch() -> None:
        while not over.wait(0.1):
            for each in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(each.read_bytes())
                except OSError:
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        assert any(b"imagesignals" in line for line in seen)
        for line in seen:
            searched.look("command line", line)


@pytest.fixture
def marked(operator: Operator, postgres: EmbeddedPostgres) -> Iterator[Operator]:
    """The operator, whose database user has a marked password, and whose keys are marked."""
    name = f"role_{uuid4().hex}"
    administrator = create_engine(postgres.url("postgres"), poolclass=NullPool)
    with administrator.begin() as connection:
        connection.execute(text(f"create role {name} login superuser password '{PASSWORD}'"))
    urls = {
        variable: make_url(operator.environ[variable])
        .set(username=name, password=PASSWORD)
        .render_as_string(hide_password=False)
        for variable in (settings.DATABASE_URL, settings.DAGSTER_DATABASE_URL)
    }
    keys = {settings.STORAGE_KEY: KEY, settings.THUMBNAIL_KEY: THUMBNAIL_KEY}
    yield replace(operator, environ={**operator.environ, **urls, **keys})
    with administrator.begin() as connection:
        for variable in urls:
            owned = create_engine(operator.environ[variable], poolclass=NullPool)
            with owned.begin() as there:
                there.execute(text(f"reassign owned by {name} to current_user"))
                there.execute(text(f"drop owned by {name}"))
        connection.execute(text(f"drop role {name}"))


class Gate:
    """A picture that is handed out when the test says so."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.opened = threading.Event()

    def __call__(self, line: Line, seen: Seen) -> object:
        """Answer when the gate is open."""
        self.asked.set()
        self.opened.wait(60)
        return reply(200, receipt())(line, seen)


def answers(gate: Gate) -> dict[str, Answer]:
    """Return what a storage does with each signed link: every way in which fetching can go."""
    away = f"/storage/v1/good.png?{SIGNED}"
    told = {
        "good": reply(200, receipt()),
        "404": reply(404, SIGNED.encode()),
        "403": reply(403, SIGNED.encode()),
        "500": reply(500),
        "teapot": reply(418),
        "nonsense": raw(b"nonsense"),
        "nothing": raw(b""),
        "empty": reply(200),
        "loop": reply(302, location=f"/loop.png?{SIGNED}"),
        "away": reply(302, location=away),
        "inward": reply(302, location=f"http://10.0.0.1/?{SIGNED}"),
        "damaged": reply(200, receipt()[:400]),
        "html": reply(200, f"<!doctype html><html>{MARK}</html>".encode()),
        "large": reply(200, b"x", content_length=str(2**40)),
        "gate": gate,
    }
    return {f"/{name}.png?{SIGNED}": answer for name, answer in told.items()}


def label(path: str) -> str:
    """Return the flat of a signed link: the name of its file."""
    return path.partition(".")[0].strip("/")


def submit(operator: Operator, urls: Mapping[str, str]) -> None:
    """Submit signed links; this is the one table that may hold them."""
    with operator.engine.begin() as connection:
        for minute, (flat_id, url) in enumerate(urls.items()):
            connection.execute(
                text(
                    "insert into payment_submissions (flat_id, screenshot_url, created_at)"
                    " values (:flat_id, :url, :created_at)"
                ),
                {"flat_id": flat_id, "url": url, "created_at": OCTOBER.replace(minute=minute)},
            )


@contextmanager
def nobody_gets_in(
    postgres: EmbeddedPostgres, operator: Operator, variable: str
) -> Generator[None]:
    """Throw everybody out of a database and let nobody in."""
    name = make_url(operator.environ[variable]).database
    administrator = create_engine(
        postgres.url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    with administrator.connect() as connection:
        connection.execute(text(f"alter database {name} allow_connections false"))
        connection.execute(
            text("select pg_terminate_backend(pid) from pg_stat_activity where datname = :n"),
            {"n": name},
        )
        yield
        connection.execute(text(f"alter database {name} allow_connections true"))


def look_at_tables(searched: Searched, *engines: Engine) -> None:
    """Look at every value of every table of the databases, but for `payment_submissions`."""
    for engine in engines:
        with engine.connect() as connection:
            tables = connection.execute(
                text("select tablename from pg_tables where schemaname = 'public'")
            ).scalars()
            for table in set(tables) - {"payment_submissions"}:
                for row in connection.execute(text(f'select * from "{table}"')).mappings():
                    for column, value in row.items():
                        raw_value = bytes(value) if isinstance(value, memoryview) else value
                        searched.look(
                            f"{table}.{column}",
                            raw_value if isinstance(raw_value, bytes) else str(raw_value),
                        )


def look_at_files(searched: Searched, folder: Path) -> None:
    """Look at every file: Dagster's home with its compute logs, what was printed, what is left."""
    for file in folder.rglob("*"):
        if file.is_file():
            searched.look(str(file.relative_to(folder)), file.read_bytes())


@pytest.mark.timeout(300)
def test_no_secret_is_told_on_the_command_line(
    marked: Operator, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    """Neither when all goes well nor in any trouble; and no table or file keeps one."""
    searched, gate = Searched(), Gate()
    with Server(answers(gate)) as server, watching_processes(searched):
        trusting = {
            settings.STORAGE_URL: f"{server.url}{PLACE}",
            settings.ALLOWED_ORIGINS: server.url,
        }
        gate.opened.set()
        submit(marked, {label(path): server.url + path for path in server.answers})
        submit(
            marked,
            {
                "user": f"{server.url.replace('//', f'//user:{MARK}@')}/good.png",
                "scheme": f"ftp://good.test/?{SIGNED}",
                "spaces": f"https:/ see the chat?{SIGNED}",
                "port": f"http://user:{MARK}@127.0.0.1:port/a.png",
                "inside": f"http://10.0.0.1/?{SIGNED}",
                "nowhere": f"https://no-such-host.invalid/?{SIGNED}",
                "bare": f"a.png?{SIGNED}",
            },
        )
        said = {
            "migrate": marked.runs("migrate", **trusting),
            "backfill": marked.runs(*FAST, **trusting),
            "verify": marked.runs("verify", "--json", **trusting),
        }
        assert [each.status for each in said.values()] == [0, 0, 0], said
        assert "❌ Failed 404" in said["backfill"].out
        wrong = {
            settings.DATABASE_URL: [
                marked.environ[settings.DATABASE_URL].replace(PASSWORD, f"wrong-{MARK}"),
                f"postgresql://user:{PASSWORD}@127.0.0.1:1/db",
                f"postgresql://user:{PASSWORD}@127.0.0.1:port/db",
            ],
            settings.DAGSTER_DATABASE_URL: [
                marked.environ[settings.DAGSTER_DATABASE_URL].replace(PASSWORD, f"no-{MARK}"),
            ],
            settings.STORAGE_URL: [
                f"{server.url}{PLACE}?{SIGNED}",
                f"{server.url.replace('//', f'//user:{MARK}@')}{PLACE}",
            ],
            settings.STORAGE_KEY: [f"{MARK} clef é"],
            settings.THUMBNAIL_KEY: [MARK],
            settings.ALLOWED_ORIGINS: [f"https://user:{MARK}@good.test", f"http://x/?{SIGNED}"],
        }
        submit(marked, {"again": f"{server.url}/gate.png?{SIGNED}"})
        for variable, values in wrong.items():
            for number, value in enumerate(values):
                told = marked.runs(*FAST, **{**trusting, variable: value})
                assert told.status == 1, (variable, number, told)
                assert len(told.err.strip().splitlines()) == 1, told.err
                said[f"{variable} {number}"] = told
        gate.asked.clear()
        gate.opened.clear()
        with marked.starts(*FAST, **trusting) as process:
            assert gate.asked.wait(60)
            with nobody_gets_in(postgres, marked, settings.DATABASE_URL):
                gate.opened.set()
                out, err = process.communicate(timeout=60)
        assert process.returncode == 1
        searched.look("database gone, out", out)
        searched.look("database gone, err", err)
    for name, each in said.items():
        searched.look(f"{name}, out", each.out)
        searched.look(f"{name}, err", each.err)
    look_at_tables(searched, marked.engine, marked.dagster)
    look_at_files(searched, tmp_path)
    assert searched.looked_at > 500
    assert searched.found == []


@pytest.mark.timeout(300)
def test_no_secret_is_told_in_the_ui(
    marked: Operator, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    """Of runs that end well, fail, are misconfigured, lose their database or are killed."""
    searched, gate = Searched(), Gate()
    port = free_port()
    with Server(answers(gate)) as server, watching_processes(searched):
        trusting = {
            settings.STORAGE_URL: f"{server.url}{PLACE}",
            settings.ALLOWED_ORIGINS: server.url,
        }
        submit(marked, {label(path): server.url + path for path in server.answers})
        port = free_port()
        with dev_of(marked, port, tmp_path / "dev.log", trusting) as dev:
            ask = Ui(port)
            ask.wait_until_up(dev)
            bad = ask(LAUNCH, run=launch(batch_size="many"))
            assert "RunConfigValidationInvalid" in bad, bad
            gate.asked.clear()
            assert "LaunchRunSuccess" in ask(LAUNCH, run=launch(batch_size=100))
            assert gate.asked.wait(60)
            with nobody_gets_in(postgres, marked, settings.DATABASE_URL):
                gate.opened.set()
                ask.wait_for(1, "FAILURE")
            gate.asked.clear()
            gate.opened.clear()
            assert "LaunchRunSuccess" in ask(LAUNCH, run=launch(batch_size=100))
            assert gate.asked.wait(60)
            for worker in processes.run_workers(dev.pid):
                worker.kill()
            gate.opened.set()
            ask.wait_for(2, "FAILURE")
            ask.wait_for(1, "SUCCESS")
            for name, question in (("runs", ALL_RUNS), ("all else", EVERYTHING_ELSE)):
                answer = ask(question)
                assert '"errors"' not in answer, answer[:2000]
                searched.look(f"GraphQL, {name}", answer)
            dev.send_signal(signal.SIGTERM)
            assert dev.wait(90) == 0
    look_at_tables(searched, marked.engine, marked.dagster)
    look_at_files(searched, tmp_path)
    assert searched.looked_at > 500
    assert searched.found == []


@contextmanager
def dev_of(
    operator: Operator, port: int, log: Path, more: Mapping[str, str]
) -> Generator[Popen[bytes]]:
    """Run `imagesignals dev`, and leave nothing of it."""
    with log.open("wb") as printed:
        process = Popen(
            operator.command("dev", "--port", str(port)),
            env={**operator.environ, **more},
            cwd=operator.folder,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                for each in processes.below(process.pid):
                    each.kill()
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def launch(month: str = MONTH, **config: object) -> dict[str, Any]:
    """Return what the launchpad would send for a month."""
    return {
        "selector": {
            "repositoryLocationName": "imagesignals_pipeline",
            "repositoryName": "__repository__",
            "jobName": "image_signals_backfill",
        },
        "runConfigData": {"ops": {"payment_image_signals": {"config": config}}},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": month}]},
    }


@dataclass(frozen=True, slots=True)
class Ui:
    """The web server's answers as they come, whole."""

    port: int

    def __call__(self, question: str, **variables: Any) -> str:
        """Return the answer to a GraphQL document as text."""
        asked = {"query": question, "variables": variables}
        return requests.post(f"http://127.0.0.1:{self.port}/graphql", json=asked, timeout=60).text

    def wait_until_up(self, dev: Popen[bytes]) -> None:
        """Wait for our definitions to be loaded."""
        deadline = time.monotonic() + 120
        while True:
            assert dev.poll() is None
            assert time.monotonic() < deadline
            try:
                if "image_signals_backfill" in self(
                    "{ repositoriesOrError { ... on "
                    "RepositoryConnection { nodes { jobs { name } } } } }"
                ):
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.5)

    def wait_for(self, count: int, status: str) -> None:
        """Wait until so many runs have a status."""
        deadline = time.monotonic() + 120
        while len(re.findall(f'"status": ?"{status}"', self(RUN_STATUSES))) < count:
            assert time.monotonic() < deadline, self(RUN_STATUSES)
            time.sleep(0.5)


RUN_STATUSES = "{ runsOrError { ... on Runs { results { runId status } } } }"


@pytest.mark.parametrize(
    "values",
    [
        {settings.DATABASE_URL: f"postgresql://user:{PASSWORD}@host/db?sslpassword={MARK}"},
        {settings.DAGSTER_DATABASE_URL: f"postgres://user:{PASSWORD}@host/db"},
        {settings.STORAGE_URL: f"https://user:{MARK}@host{PLACE}", settings.STORAGE_KEY: KEY},
        {settings.ALLOWED_ORIGINS: f"https://user:{MARK}@host"},
        {settings.THUMBNAIL_KEY: THUMBNAIL_KEY},
        {settings.STORAGE_URL: f"https://host{PLACE}", settings.STORAGE_KEY: KEY},
    ],
)
def test_no_secret_is_in_a_representation(values: dict[str, str]) -> None:
    """What a debugger, an assertion or a traceback prints of our records can be shown to anyone."""
    read = settings.read(values)
    shown = [repr(read), str(read)]
    for url in (read.database_url, read.dagster_database_url):
        if url is not None:
            engine = database.engine(url)
            shown += [repr(engine), str(engine.url), repr(database.normalise(url))]
    try:
        asked = FetchSettings.from_values(read.storage_url, read.storage_key, read.allowed_origins)
    except OperatorError as error:
        shown += [repr(error), str(error)]
    else:
        shown += [repr(asked), repr(asked.places), repr(asked.trusted)]
    assert MARK not in "\n".join(shown)
