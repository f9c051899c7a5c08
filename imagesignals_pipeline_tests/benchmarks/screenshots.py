"""Realistic screenshots of 1080 x 2400 for benchmarks, kept in a folder, and the store's process.

Each is a receipt of its own: another payment, in one of the demonstration's apps, PNG and JPEG in
turn.
"""

import os
import tempfile
import time
from collections.abc import Generator, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from random import Random

from sqlalchemy import Connection, text

from imagesignals_pipeline.demo import devices
from imagesignals_pipeline.demo.devices import System
from imagesignals_pipeline.demo.paying import pay_day, payment
from imagesignals_pipeline.demo.receipts import Receipt
from imagesignals_pipeline.demo.residents import residents
from imagesignals_pipeline.demo.store import drawing_version
from imagesignals_pipeline.demo.uploads import Form, Upload, render

CACHE = Path(tempfile.gettempdir()) / f"imagesignals-bench-pictures.{os.getuid()}"
A_MONTH = 500
"""Submissions of one month, which is one run."""
_SPAWN = get_context("spawn")


def draw(count: int) -> list[Path]:
    """Return the files of the first pictures, drawn where they are not there yet."""
    folder = CACHE / drawing_version()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:06d}.{_form(number).value}" for number in range(count)]
    missing = [(number, file) for number, file in enumerate(files) if not file.exists()]
    with ProcessPoolExecutor(mp_context=_SPAWN) as pool:
        list(pool.map(_draw, *zip(*missing, strict=True), chunksize=8) if missing else ())
    return files


def _form(number: int) -> Form:
    return Form.JPEG if number % 2 else Form.PNG


def _draw(number: int, file: Path) -> None:
    on_phones = [
        each
        for each in residents()
        if each.habit.device.system not in {System.BROWSER, System.PAPER}
    ]
    month, place = divmod(number, len(on_phones))
    payer = on_phones[place]
    paid_at = pay_day(Random(number), payer, month)
    receipt = Receipt(
        payment(payer, paid_at), payer.habit.style, devices.TALL, dark=payer.habit.dark
    )
    draft = file.with_suffix(".draft")
    draft.write_bytes(render(Upload(receipt, _form(number))))
    draft.replace(file)


def forget(connection: Connection) -> None:
    """Empty every table; what the migrations have noted of themselves stays."""
    tables = connection.execute(
        text(
            "select tablename from pg_tables"
            " where schemaname = 'public' and tablename <> 'imagesignals_migrations'"
        )
    )
    connection.execute(text(f"truncate {', '.join(tables.scalars())} cascade"))


def submit(connection: Connection, urls: Iterable[str], *, a_month: int = A_MONTH) -> None:
    """Let only these be submitted, a minute apart and so many in each month."""
    forget(connection)
    connection.execute(
        text(
            "insert into payment_submissions (flat_id, screenshot_url, created_at)"
            " values (:flat_id, :url, :created_at)"
        ),
        [
            {
                "flat_id": f"F-{number % 400}",
                "url": url,
                "created_at": _month(number // a_month) + timedelta(minutes=number % a_month),
            }
            for number, url in enumerate(urls)
        ],
    )


def _month(number: int) -> datetime:
    years, month = divmod(number, 12)
    return datetime(2018 + years, month + 1, 1, tzinfo=UTC)


@contextmanager
def served(folder: Path, latency_s: float) -> Generator[str]:
    """Serve a folder's files from a process of its own, each after a pause; yield the base URL."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_serve, args=(folder, latency_s, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/"
    finally:
        process.terminate()
        process.join()


def _serve(folder: Path, latency_s: float, pipe: Pipe) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together

        def do_GET(self) -> None:
            time.sleep(latency_s)
            content = (folder / Path(self.path).name).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    pipe.send(server.server_port)
    server.serve_forever()
