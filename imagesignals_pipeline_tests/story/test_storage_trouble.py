"""Storages that answer anything but a picture, and settings that cannot work."""

import zlib

import pytest
from sqlalchemy import text

from imagesignals_pipeline import settings
from imagesignals_pipeline_tests.fetch.servers import Answer, Server, in_turn, raw, reply
from imagesignals_pipeline_tests.fetch.supabase import SECRET, TOKEN, Supabase
from imagesignals_pipeline_tests.few import OCTOBER, receipt
from imagesignals_pipeline_tests.story.conftest import Operator

FAST = ("backfill", "--batch-delay", "0", "--batch-size", "100")
IN_CLEAR = "http://abc.supabase.co/storage/v1/object/public/shots/"
SIGN_IN = b"<!doctype html><html><body>Please sign in</body></html>"
ANSWERS: dict[str, Answer] = {
    "/good.png": reply(200, receipt()),
    "/404.png": reply(404),
    "/403.png": reply(403),
    "/500.png": reply(500),
    "/503.png": in_turn(reply(503, retry_after="1"), reply(200, receipt())),
    "/always-503.png": reply(503, retry_after="1"),
    "/html.png": reply(200, SIGN_IN, content_type="text/html"),
    "/empty.png": reply(200),
    "/nothing.png": raw(b""),
}
EXPECTED = {
    "good": "✅ Processed good - OK",
    "404": "❌ Failed 404 - Failed to fetch: 404",
    "403": "❌ Failed 403 - Failed to fetch: 403",
    "500": "❌ Failed 500 - Failed to fetch: 500",
    "503": "✅ Processed 503 - Duplicate detected!",
    "always-503": "❌ Failed always-503 - Failed to fetch: 503",
    "html": "⏭️ Skipped html - Not an image",
    "empty": "❌ Failed empty - Failed to fetch: the file is empty",
    "nothing": "❌ Failed nothing - Failed to fetch: connection broke",
    "no url": "❌ Failed no url - Failed to fetch: invalid URL",
    "inside": "❌ Failed inside - Failed to fetch: refused, not a public address",
}


def submit(operator: Operator, urls: dict[str, str]) -> None:
    """Submit screenshots, each under a label, a minute apart."""
    with operator.engine.begin() as connection:
        for minute, (flat_id, url) in enumerate(urls.items()):
            connection.execute(
                text(
                    "insert into payment_submissions (flat_id, screenshot_url, created_at)"
                    " values (:flat_id, :url, :created_at)"
                ),
                {"flat_id": flat_id, "url": url, "created_at": OCTOBER.replace(minute=minute)},
            )


def test_every_answer_is_a_row(operator: Operator) -> None:
    """Whatever a storage answers is a row and a line, and the command exits 0."""
    with Server(ANSWERS) as server:
        urls = {path[1:-4]: server.url + path for path in ANSWERS}
        submit(operator, {**urls, "no url": "https:/ see the chat", "inside": "http://10.0.0.1/"})
        said = operator.runs(*FAST, IMAGESIGNALS_ALLOWED_ORIGINS=server.url)
    assert (said.status, said.err) == (0, "")
    told = said.lines[3:-3]
    assert len(told) == len(EXPECTED)
    for line, expected in zip(told, EXPECTED.values(), strict=True):
        assert line.startswith(expected)
    with operator.engine.connect() as connection:
        rows = connection.execute(
            text("select analysis_status, analysis_error from payment_image_signals")
        ).all()
    assert len(rows) == len(EXPECTED)
    assert all((row.analysis_error is None) == (row.analysis_status == "completed") for row in rows)


def test_web_pages_alone_are_no_quiet_success(operator: Operator) -> None:
    """Each command says how many were skipped: a site may stand where the storage was."""
    with Server(otherwise=reply(200, SIGN_IN)) as server:
        submit(operator, {f"F-{number}": f"{server.url}/{number}.png" for number in range(3)})
        said, again = (
            operator.runs(*FAST, IMAGESIGNALS_ALLOWED_ORIGINS=server.url) for _ in range(2)
        )
        checked = operator.runs("verify")
    assert [said.status, again.status, checked.status] == [0, 0, 0]
    assert said.lines[-2].startswith("⚠️ Not one screenshot was analysed, 3 were skipped: ")
    assert "but 3 of 3 were skipped: `imagesignals verify` says why" in again.lines[1]
    assert "⚠️  failure_rate: Of 3 0 failed and 3 were no image" in checked.out


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (
            {settings.STORAGE_URL: "htps:/store"},
            "IMAGESIGNALS_STORAGE_URL cannot be used: invalid URL",
        ),
        (
            {settings.STORAGE_KEY: SECRET, settings.STORAGE_URL: IN_CLEAR},
            "IMAGESIGNALS_STORAGE_URL would send IMAGESIGNALS_STORAGE_KEY in clear: begin it with",
        ),
        (
            {settings.STORAGE_KEY: SECRET, settings.STORAGE_URL: ""},
            "IMAGESIGNALS_STORAGE_KEY is set without IMAGESIGNALS_STORAGE_URL: set both",
        ),
        (
            {settings.STORAGE_KEY: "sb_secret_WRONG_KEY"},
            "the storage refuses IMAGESIGNALS_STORAGE_KEY: set a valid key",
        ),
        ({settings.FIRST_MONTH: "October"}, "Set IMAGESIGNALS_FIRST_MONTH to a month like 2024-01"),
    ],
)
def test_settings_that_cannot_work(operator: Operator, wrong: dict[str, str], line: str) -> None:
    """What the operator must mend ends the run with one line; no picture is blamed for it."""
    with Server(otherwise=Supabase(private={"b": {"p.png": receipt()}})) as server:
        bucket = f"{server.url}/storage/v1/object/public/b/"
        submit(operator, {"F-1": "p.png"})
        said = operator.runs(*FAST, **{settings.STORAGE_URL: bucket, **wrong})
    assert said.status == 1
    assert said.err.splitlines() == [said.err.strip()]
    assert said.err.startswith(f"imagesignals: {line}")
    assert "sb_secret" not in said.out + said.err
    with operator.engine.connect() as connection:
        assert not connection.execute(text("select from payment_image_signals")).all()


def test_no_secret_is_written_down(operator: Operator) -> None:
    """Neither a key, nor a signed URL's token, nor the database's password is in any table."""
    store = Supabase(private={"b": {"p.png": receipt()}}, keys=())
    password = operator.engine.url.password
    assert password
    with Server(otherwise=store) as server:
        bucket = f"{server.url}/storage/v1/object/public/b/"
        keyed = {settings.STORAGE_URL: bucket, settings.STORAGE_KEY: SECRET}
        submit(operator, {"F-1": f"{server.url}/storage/v1/object/sign/c/p.png?token={TOKEN}"})
        signed = operator.runs(*FAST, **keyed)
        submit(operator, {"F-2": "p.png"})
        refused = operator.runs(*FAST, **keyed)
    assert signed.status == 0, signed.err
    assert "❌ Failed F-1" in signed.out
    assert refused.status == 1
    written = "\n".join(everything(operator))
    assert "Failed F-1" in written  # the activity log
    assert "the storage refuses IMAGESIGNALS_STORAGE_KEY" in written
    said = signed.out + signed.err + refused.out + refused.err
    for secret in (SECRET, TOKEN, password):
        assert secret not in written + said


def everything(operator: Operator) -> list[str]:
    """Return each row of all tables of both databases as text, but for the submissions."""
    rows: list[str] = []
    for engine in (operator.engine, operator.dagster):
        with engine.connect() as connection:
            names = connection.execute(
                text("select quote_ident(tablename) from pg_tables where schemaname = 'public'")
            )
            for name in [each for each in names.scalars() if each != "payment_submissions"]:
                found = connection.execute(text(f"select cast(t as text) from {name} as t"))
                rows += found.scalars()
    with operator.dagster.connect() as connection:  # what Dagster has packed
        packed = connection.execute(text("select snapshot_body from snapshots"))
        rows += [zlib.decompress(each).decode() for each in packed.scalars()]
    return rows
