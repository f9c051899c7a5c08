"""A hundred new receipts against ever more stored ones: time, rows read, and copies found.

The stored fingerprints are synthetic: real receipts' words dealt anew (`synthetic.py`), half of
them of 20 apps, the rest of 5,000. At every size the same is done: to put a hundred new receipts
into the index and find their candidates, in batches of five as the pipeline does. What follows, a
closer look at 64 candidates and 9 full comparisons, costs the same at any size; the former is timed
once.

With `--half` the words are those of an evaluation half. A third of its series is held back, stored
before the synthetic pictures, and their copies are looked up: how many have their original among
the candidates.

    python -m imagesignals_pipeline_tests.benchmarks.bench_scale [--size 10000 --size 100000]
"""

import os
import tempfile
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from uuid import UUID

import click
import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from imagesignals_pipeline import database, match, sql
from imagesignals_pipeline.embedded_postgres import EmbeddedPostgres
from imagesignals_pipeline.match.candidates import DESCRIBED
from imagesignals_pipeline.matching import REACH, asking, moving
from imagesignals_pipeline.sql import query
from imagesignals_pipeline.store import marks
from imagesignals_pipeline.store.pictures import Moved, Order, Placed
from imagesignals_pipeline_tests import synthetic
from imagesignals_pipeline_tests.evaluation import build, manifest, measure, sample
from imagesignals_pipeline_tests.synthetic import Society, Table

NEW = 100
BATCH = 5
PORTION = 5_000
FIRST = datetime(2015, 1, 1, tzinfo=UTC)
POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MARK = np.dtype(
    [
        *(("fields", ">i2"), ("l1", ">i4"), ("version", ">i2"), ("l2", ">i4"), ("mark", ">i4")),
        *(("l3", ">i4"), ("at", ">i8"), ("l4", ">i4"), ("picture", ">i4")),
        *(("l5", ">i4"), ("other_bits", ">i4")),
    ]
)
"""A row of `image_marks` as COPY reads it in binary."""


@dataclass
class Held:
    """An original that is stored, and copies of it that are looked up."""

    original: Table
    copies: list[tuple[Table, bool]] = field(default_factory=list)


def from_sample() -> tuple[list[list[Table]], list[Held]]:
    """Return the words of the receipts kept in the repository, by template."""
    apps: dict[str, list[Table]] = {}
    for each in sample.load():
        apps.setdefault(each.series.split()[0], []).append(_words(match.fingerprint(each.picture)))
    return list(apps.values()), []


def from_half(half: str, cache: Path) -> tuple[list[list[Table]], list[Held]]:
    """Return the words of an evaluation half's receipts by template, but for those held back."""
    directory = cache / half
    apps: dict[str, list[Table]] = {}
    held: dict[str, Held] = {}
    for entry in manifest.load(directory):
        back = zlib.crc32(entry.series.encode()) % 3 == 0
        if entry.kind == "honest" or (entry.kind == "copy" and entry.copy_of in held):
            words = _words(measure.measure(directory / entry.file, match.fingerprint).payload)
            if entry.kind == "copy":
                held[entry.copy_of or ""].copies.append((words, entry.hard))
            elif back:
                held[entry.file] = Held(words)
            elif len(words):
                apps.setdefault(entry.template, []).append(words)
    return list(apps.values()), [each for each in held.values() if len(each.original)]


def _words(payload: bytes) -> Table:
    return np.frombuffer(match.descriptor(payload), DESCRIBED)


class Store:
    """A database of nothing but pictures; number and minute of each are known."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.size = 0
        self.indexed_from: Order | None = None

    def fill(self, portions: Iterable[tuple[Table, NDArray[np.int64]]]) -> None:
        """Store pictures in bulk, later than all that are there."""
        with self.engine.begin() as connection:
            connection.execute(text("set local maintenance_work_mem = '1GB'"))
            connection.execute(text("alter table image_marks drop constraint image_marks_pkey"))
            for words, sizes in portions:
                self._copy(connection, words, sizes)
            connection.execute(
                text(
                    "alter table image_marks add primary key"
                    " (algorithm_version, mark, first_created_at, picture) include (other_bits)"
                )
            )
            connection.execute(
                text("select setval(pg_get_serial_sequence('image_pictures', 'number'), :last)"),
                {"last": max(self.size, 1)},
            )
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("vacuum analyze"))

    def _copy(self, connection: Connection, words: Table, sizes: NDArray[np.int64]) -> None:
        lines: list[str] = []
        ends = np.cumsum(sizes)
        for number, (start, end) in enumerate(pairwise([0, *ends.tolist()]), self.size + 1):
            described = synthetic.descriptor(words[start:end]).hex()
            digest = synthetic.pixels(number).hex()
            lines.append(
                f"\\\\x{digest}\t{made(number).isoformat()}\t{UUID(int=number)}"
                f"\t{match.ALGORITHM_VERSION}\t\\\\x{described}\t{number}\n"
            )
        columns = "pixels_sha256, first_created_at, first_id, algorithm_version, descriptor, number"
        _copy_in(connection, f"image_pictures ({columns})", "".join(lines).encode())
        marked = [
            (match.marks(synthetic.descriptor(words[start:end])), number)
            for number, (start, end) in enumerate(pairwise([0, *ends.tolist()]), self.size + 1)
        ]
        rows = np.zeros(sum(len(found) for found, _ in marked), MARK)
        rows["fields"], rows["l1"], rows["version"] = 5, 2, match.ALGORITHM_VERSION
        rows["l2"], rows["l3"], rows["l4"], rows["l5"] = 4, 8, 4, 4
        rows["mark"] = [mark for found, _ in marked for mark in found]
        rows["other_bits"] = [bits for found, _ in marked for bits in found.values()]
        rows["picture"] = np.repeat([n for _, n in marked], [len(found) for found, _ in marked])
        minutes = rows["picture"].astype(np.int64)
        rows["at"] = (FIRST - POSTGRES_EPOCH) // MICROSECOND + minutes * 60 * 1_000_000
        head, tail = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
        _copy_in(connection, "image_marks", head + rows.tobytes() + tail, "(format binary)")
        self.size += len(sizes)

    def place(self, connection: Connection, words: Sequence[Table]) -> list[Placed]:
        """Put new pictures into the index, later than all others, as `matching.settle` does."""
        moved = [
            Moved(synthetic.pixels(n), (made(n), UUID(int=n)), None, synthetic.packed(one))
            for n, one in enumerate(words, start=self.size + 1)
        ]
        moves, self.indexed_from = moving.place(connection, moved, REACH)
        return [move.picture for move in moves]


def made(number: int) -> datetime:
    """Return when a submission was made."""
    return FIRST + timedelta(minutes=number)


def _copy_in(connection: Connection, table: str, content: bytes, options: str = "") -> None:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(driver)
    with (
        driver.cursor() as cursor,
        cursor.copy(f"copy {table} from stdin {options}".encode()) as copy,
    ):
        copy.write(content)


def read(connection: Connection) -> dict[str, int]:
    """Return how many rows of each table this transaction has read, by scan or by index."""
    return {
        row.relname: row.touched
        for row in connection.execute(
            text(
                "select relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) as touched"
                " from pg_stat_xact_user_tables"
            )
        )
    }


def ask(store: Store, fresh: Sequence[Table]) -> float:
    """Find the candidates of new receipts, and print what it took; return processor seconds."""
    with store.engine.connect() as connection:
        connection.execute(query("write_settings"), {"lock_timeout": "60s"})  # as in a turn
        backend = connection.execute(text("select pg_backend_pid()")).scalar_one()
        before = read(connection)
        began, busy = time.perf_counter(), time.process_time() + cpu_seconds(backend)
        placed: list[Placed] = []
        for start in range(0, len(fresh), BATCH):
            some = store.place(connection, fresh[start : start + BATCH])
            store.size += len(some)
            asking.named(connection, some, REACH, store.indexed_from)
            placed += some
        taken = time.perf_counter() - began
        busy = time.process_time() + cpu_seconds(backend) - busy
        after = read(connection)
        store.size -= len(fresh)
        shared = marks.sharing(
            connection,
            marks.Rule(match.ALGORITHM_VERSION, REACH.rare, match.MAX_OTHER_BITS),
            asking.marks_of(placed),
            {each.number: each.order[0] for each in placed if each.order},
        )
        connection.rollback()
    asked = [len(shared.get(each.number, ())) for each in placed]
    touched = ", ".join(
        f"{(after[table] - before[table]) / len(fresh):,.0f} of {table}"
        for table in ("image_marks", "image_pictures")
    )
    print(
        f"{store.size:>9,} stored: {len(fresh)} new in {taken:5.2f} s ({busy:.2f} s of"
        f" processor time); each asks {median(asked):,.0f} (most {max(asked):,}) and fetches"
        f" {touched}",
        flush=True,
    )
    return busy


def cpu_seconds(process: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def look_up(store: Store, held: Sequence[Held]) -> None:
    """Print how many copies have their original, the first pictures stored, as a candidate."""
    found: dict[bool, list[bool]] = {False: [], True: []}
    with store.engine.connect() as connection:
        connection.execute(query("write_settings"), {"lock_timeout": "60s"})
        for number, each in enumerate(held, start=1):
            savepoint = connection.begin_nested()
            for words, hard in each.copies:
                if len(words):
                    (placed,) = store.place(connection, [words])
                    ((others, _),) = asking.named(
                        connection, [placed], REACH, store.indexed_from
                    ).values()
                    found[hard].append(synthetic.pixels(number) in others)
                savepoint.rollback()
                savepoint = connection.begin_nested()
        connection.rollback()
    for hard, results in found.items():
        kind = "hard copies" if hard else "other copies"
        print(f"{'':>9}  {kind}: {sum(results)} of {len(results)} have their original", flush=True)


def closer_look(fresh: Sequence[Table]) -> float:
    """Return the seconds that the middle stage takes for one picture and 64 candidates."""
    packed = [synthetic.packed(each) for each in fresh[: match.MAX_CANDIDATES + 1]]
    began = time.process_time()
    picture, *others = packed
    guesses = match.aligned(picture, dict(enumerate(others)))
    match.glances(picture, {number: (others[number], each) for number, each in guesses.items()})
    return time.process_time() - began


@click.command(help=__doc__)
@click.option("--size", "sizes", type=int, multiple=True, default=(1_000, 10_000))
@click.option("--half", help="An evaluation half that is built, for its words and its copies.")
@click.option(
    "--cache", type=click.Path(path_type=Path, file_okay=False), default=build.DEFAULT_CACHE
)
def main(sizes: Sequence[int], half: str | None, cache: Path) -> None:
    """Print a line for each size, then the ratios."""
    apps, held = from_half(half, cache) if half else from_sample()
    society = Society(synthetic.split(apps))
    words, ends = society.receipts(10**9, NEW)
    fresh = np.split(words, np.cumsum(ends)[:-1])
    taken: list[float] = []
    with (
        tempfile.TemporaryDirectory(prefix="imagesignals-bench-") as home,
        EmbeddedPostgres(Path(home), durable=False) as server,
    ):
        engine = database.engine(server.url("scale"), statement_timeout_s=3_600)
        with engine.begin() as connection:
            sql.migrate(connection, create_submissions=True)
        store = Store(engine)
        if held:
            originals = [each.original for each in held]
            store.fill([(np.concatenate(originals), np.array([len(each) for each in originals]))])
        for size in sorted(sizes):
            parts = range(store.size, size, PORTION)
            store.fill(society.receipts(part, min(PORTION, size - part)) for part in parts)
            ask(store, fresh)  # the same once more, with all that it needs in memory
            taken.append(ask(store, fresh))
            look_up(store, held)
        for table in ("image_pictures", "image_marks"):
            print(f"{table}: {_bytes(engine, table) / store.size / 1000:.1f} KB a picture")
        engine.dispose()
    print(f"64 candidates looked at more closely: {1000 * closer_look(fresh):.0f} ms a picture")
    print(
        f"ratio: {taken[-1] / taken[0]:.1f} times the processor time for"
        f" {max(sizes) / min(sizes):,.0f} times the pictures"
    )


def _bytes(engine: Engine, table: str) -> int:
    size = text("select pg_total_relation_size(cast(:table as regclass))")
    with engine.connect() as connection:
        return connection.execute(size, {"table": table}).scalar_one()


if __name__ == "__main__":
    main()
