"""Keys and query strings are in requests only: in no log, failure, representation or error."""

import logging
import traceback
from collections.abc import Callable

import pytest

from imagesignals_pipeline.fetch import Fetcher, StorageMisconfiguredError
from imagesignals_pipeline.fetch.storage import Storage
from imagesignals_pipeline.fetch.urls import parse
from imagesignals_pipeline.model import Failure
from imagesignals_pipeline_tests.fetch.servers import PICTURE, Server, in_turn, raw, reply
from imagesignals_pipeline_tests.fetch.supabase import JWT, SECRET, Supabase

TOKEN = "token-that-nobody-may-see"
PLACE = "/storage/v1/object/public/shots/"


@pytest.mark.parametrize("key", [SECRET, JWT], ids=["secret key", "service role"])
def test_nothing_secret_is_logged_or_told(
    key: str,
    server: Server,
    fetcher_of: Callable[..., Fetcher],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With every logger at its most talkative, over successes and all kinds of failures."""
    caplog.set_level(logging.DEBUG)
    server.otherwise = Supabase(private={"shots": {"a.png": PICTURE}})
    answers = {
        "ok": reply(200, PICTURE),
        "gone": reply(404),
        "busy": in_turn(reply(503), raw(b""), raw(b"nonsense")),
        "away": reply(302, location=f"/ok?token={TOKEN}"),
        "inward": reply(302, location=f"http://10.0.0.1/?token={TOKEN}"),
        "bad-header": raw(b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 9\r\n\r\nx"),
    }
    server.answers = {f"/{name}?token={TOKEN}": answer for name, answer in answers.items()}
    fetcher = fetcher_of(storage_url=server.url + PLACE, storage_key=key)
    urls = [f"{server.url}{path}" for path in server.answers]
    urls += ["a.png", f"b.png?token={TOKEN}", f"{server.url}{PLACE}a.png?token={TOKEN}"]
    urls += [f"https://user:{TOKEN}@good.test/", f"ftp://good.test/?token={TOKEN}"]
    told = [result.detail for result in map(fetcher.fetch, urls) if isinstance(result, Failure)]
    text = "\n".join([caplog.text, repr(fetcher), *told])
    assert "connectionpool" in caplog.text  # the loggers did talk
    assert "no colon" not in text  # what a server says is not quoted either
    assert TOKEN not in text
    assert key not in text


def test_the_error_that_stops_a_run_holds_no_key(
    server: Server, fetcher_of: Callable[..., Fetcher]
) -> None:
    """Not in its text, and not in the traceback that Dagster shows."""
    server.otherwise = Supabase(private={"shots": {}}, keys=())
    fetcher = fetcher_of(storage_url=server.url + PLACE, storage_key=SECRET)
    with pytest.raises(StorageMisconfiguredError) as caught:
        fetcher.fetch(f"{server.url}{PLACE}a.png?token={TOKEN}")
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert TOKEN not in shown


def test_representations_hold_neither_keys_nor_queries() -> None:
    """What a debugger or an assertion prints of our records can be shown to anyone."""
    place = parse("https://abc.supabase.co/storage/v1/object/public/shots/")
    asks = Storage((place,), SECRET).asks("a.png")
    signed = parse(f"https://abc.test/a.png?token={TOKEN}")
    assert SECRET not in repr(asks)
    assert TOKEN not in repr(signed)
