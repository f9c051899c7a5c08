"""Supabase Storage: every form of URL, both kinds of keys, and what its answers mean."""

from collections.abc import Callable

import pytest

from imagesignals_pipeline.fetch import Fetcher, StorageMisconfiguredError
from imagesignals_pipeline.fetch.storage import reported
from imagesignals_pipeline.model import Failure, FailureKind
from imagesignals_pipeline_tests.fetch.servers import (
    PICTURE,
    Internet,
    Server,
    in_turn,
    raw,
    reply,
)
from imagesignals_pipeline_tests.fetch.supabase import JWT, SECRET, TOKEN, Supabase

FetcherOf = Callable[..., Fetcher]
NOT_FOUND = Failure(FailureKind.NOT_FOUND, "Failed to fetch: 404")
DENIED = Failure(FailureKind.ACCESS_DENIED, "Failed to fetch: 403")
SHOTS = "/storage/v1/object/public/shots/"
PROOFS = "/storage/v1/object/public/proofs/"


def at(server: Server, *paths: str) -> dict[str, str]:
    """Return the setting that says where pictures live."""
    return {"storage_url": ",".join(server.url + path for path in paths)}


@pytest.mark.parametrize("key", [None, SECRET, JWT], ids=["no key", "secret key", "service role"])
@pytest.mark.parametrize(
    "form",
    [
        "{origin}/storage/v1/object/public/shots/a/F-101 1.png",
        "{origin}/storage/v1/object/public/shots/a/F-101%201.png",
        "{origin}/storage/v1/object/public/shots/a%2FF-101%201.png?download=",
        "{origin}/storage/v1/object/public/shots/x/../a/F-101%201.png#top",
        "{origin}/storage/v1/object/authenticated/shots/a/F-101%201.png",
        "{origin}/storage/v1/object/shots/a/F-101%201.png",
        "{origin}/storage/v1/render/image/public/shots/a/F-101%201.png?width=100",
        "{origin}/storage/v1/render/image/authenticated/shots/a/F-101%201.png?width=100",
        "/storage/v1/object/public/shots/a/F-101%201.png",
        "storage/v1/object/public/shots/a/F-101 1.png?t=1",
        "shots/a/F-101 1.png",
        "a/F-101 1.png",
        "/a/F-101%201.png",
        "  a/F-101 1.png?t=170000\n",
    ],
)
def test_every_form_of_a_public_picture_is_found(
    form: str, key: str | None, server: Server, fetcher_of: FetcherOf
) -> None:
    """Whatever form is stored, the original is fetched, with a key or without one."""
    server.otherwise = Supabase(public={"shots": {"a/F-101 1.png": PICTURE}})
    fetcher = fetcher_of(**at(server, SHOTS), storage_key=key)
    assert fetcher.fetch(form.format(origin=server.url)) == PICTURE


@pytest.mark.parametrize("key", [SECRET, JWT], ids=["secret key", "service role"])
@pytest.mark.parametrize(
    "form",
    [
        "{origin}/storage/v1/object/public/shots/a.png",
        "{origin}/storage/v1/object/authenticated/shots/a.png",
        "{origin}/storage/v1/object/shots/a.png",
        "{origin}/storage/v1/object/sign/shots/a.png?token=expired",
        "{origin}/storage/v1/render/image/sign/shots/a.png?token=expired",
        "shots/a.png",
        "a.png",
    ],
)
def test_a_key_opens_a_private_bucket(
    form: str, key: str, server: Server, fetcher_of: FetcherOf
) -> None:
    """With a key every form leads to the authenticated route, expired links included."""
    server.otherwise = Supabase(private={"shots": {"a.png": PICTURE}})
    fetcher = fetcher_of(**at(server, SHOTS), storage_key=key)
    assert fetcher.fetch(form.format(origin=server.url)) == PICTURE
    assert set(server.paths()) == {"/storage/v1/object/authenticated/shots/a.png"}


@pytest.mark.parametrize(
    ("key", "expected"),
    [(SECRET, {"apikey": SECRET}), (JWT, {"apikey": JWT, "authorization": f"Bearer {JWT}"})],
    ids=["secret key", "service role"],
)
def test_each_kind_of_key_goes_where_it_belongs(
    key: str, expected: dict[str, str], server: Server, fetcher_of: FetcherOf
) -> None:
    """A secret key is no bearer token; a service role key is both; neither is in the URL."""
    server.otherwise = Supabase(private={"shots": {"a.png": PICTURE}})
    fetcher = fetcher_of(**at(server, SHOTS), storage_key=key)
    assert fetcher.fetch("a.png") == PICTURE
    sent = {
        name: value
        for name, value in server.seen[0].headers.items()
        if name in {"apikey", "authorization"}
    }
    assert sent == expected


def test_a_signed_link_works_without_a_key(server: Server, fetcher_of: FetcherOf) -> None:
    """A signed URL is asked as it stands; one that expired is a denied picture."""
    server.otherwise = Supabase(private={"shots": {"a.png": PICTURE}})
    fetcher = fetcher_of(**at(server, SHOTS))
    signed = f"{server.url}/storage/v1/object/sign/shots/a.png?token="
    assert fetcher.fetch(signed + TOKEN) == PICTURE
    expected = Failure(FailureKind.ACCESS_DENIED, "Failed to fetch: 400, signed link is not valid")
    assert fetcher.fetch(signed + "expired") == expected


def test_several_buckets_are_tried_in_order(server: Server, fetcher_of: FetcherOf) -> None:
    """A bare path is looked for in each bucket; a bucket's name before it puts that one first."""
    server.otherwise = Supabase(
        public={
            "shots": {"a.png": b"shot a", "b.png": b"shot b", "proofs/c.png": b"odd c"},
            "proofs": {"a.png": b"proof a", "d.png": b"proof d"},
        }
    )
    fetcher = fetcher_of(**at(server, SHOTS, PROOFS))
    found = {
        path: fetcher.fetch(path)
        for path in ("a.png", "proofs/a.png", "d.png", "proofs/b.png", "proofs/c.png", "none.png")
    }
    assert found == {
        "a.png": b"shot a",
        "proofs/a.png": b"proof a",
        "d.png": b"proof d",
        "proofs/b.png": b"shot b",  # mislabelled by the live application
        "proofs/c.png": b"odd c",
        "none.png": NOT_FOUND,
    }


def test_the_search_for_a_bare_path_is_bounded(server: Server, fetcher_of: FetcherOf) -> None:
    """However many readings a path has, few requests are made for it."""
    server.otherwise = Supabase(public={"shots": {}, "proofs": {}})
    fetcher = fetcher_of(**at(server, SHOTS, PROOFS))
    assert fetcher.fetch("shots/proofs/a%20b%2520c.png?x?y") == NOT_FOUND
    assert len(server.seen) <= 8


def test_a_bare_path_lies_below_a_plain_store_too(server: Server, fetcher_of: FetcherOf) -> None:
    """A storage that is not Supabase serves bare paths below its URL, encoded once."""
    server.answers = {"/receipts/F-101/50%25%20of%20it.png": reply(200, PICTURE)}
    fetcher = fetcher_of(**at(server, "/receipts"))
    assert fetcher.fetch("F-101/50% of it.png") == PICTURE
    assert fetcher.fetch("F-102.png") == NOT_FOUND


@pytest.mark.parametrize(
    "path", ["../other/a.png", "a/../../b.png", "a/./b.png", "..", "%2e%2e/a.png", "shots/../a"]
)
def test_a_bare_path_cannot_climb(path: str, server: Server, fetcher_of: FetcherOf) -> None:
    """Dot segments, encoded or not, are refused before anything is asked."""
    server.otherwise = reply(200, PICTURE)
    for place in (SHOTS, "/plain/"):
        result = fetcher_of(**at(server, place)).fetch(path)
        assert isinstance(result, Failure)
        assert result.kind is FailureKind.INVALID_URL
    assert server.seen == []


def test_a_bare_path_without_a_storage_is_told_as_such(fetcher_of: FetcherOf) -> None:
    """The failure names the variable to set, and passes when it is set."""
    result = fetcher_of().fetch("F-101.png")
    assert isinstance(result, Failure)
    assert "IMAGESIGNALS_STORAGE_URL" in result.detail
    assert result.kind.may_pass


def test_not_found_is_read_from_the_body(server: Server, fetcher_of: FetcherOf) -> None:
    """HTTP 400 that means 404 is a picture not found, and costs one request."""
    server.otherwise = Supabase(public={"shots": {}})
    fetcher = fetcher_of(**at(server, SHOTS))
    assert fetcher.fetch(f"{server.url}{SHOTS}gone.png") == NOT_FOUND
    assert len(server.seen) == 1


def test_other_peoples_storage_is_read_the_same_way(
    internet: Internet, server: Server, fetcher_of: FetcherOf
) -> None:
    """Another project's public bucket needs no setting; its originals and its 404 are known."""
    server.otherwise = Supabase(public={"theirs": {"a.png": PICTURE}})
    origin = internet.host("other.test", server)
    fetcher = fetcher_of()
    assert fetcher.fetch(f"{origin}/storage/v1/object/public/theirs/a.png") == PICTURE
    assert fetcher.fetch(f"{origin}/storage/v1/render/image/public/theirs/a.png?w=1") == PICTURE
    assert fetcher.fetch(f"{origin}/storage/v1/object/public/theirs/b.png") == NOT_FOUND


@pytest.mark.parametrize("key", ["sb_secret_wrong", "eyJ.wrong.key"])
def test_a_refused_key_stops_the_run(key: str, server: Server, fetcher_of: FetcherOf) -> None:
    """A key that the storage does not accept is the operator's to mend, in one line."""
    server.otherwise = Supabase(private={"shots": {"a.png": PICTURE}})
    fetcher = fetcher_of(**at(server, SHOTS), storage_key=key)
    with pytest.raises(StorageMisconfiguredError) as caught:
        fetcher.fetch("a.png")
    assert str(caught.value) == "the storage refuses IMAGESIGNALS_STORAGE_KEY: set a valid key"


@pytest.mark.parametrize(
    "refusal",
    [
        reply(401, b'{"message":"Invalid API key"}'),
        reply(403),
        reply(400, b'{"code":"InvalidJWT"}'),
    ],
    ids=["gateway", "403", "InvalidJWT"],
)
def test_a_key_refused_in_other_words_stops_the_run_too(
    refusal: Callable[..., object], server: Server, fetcher_of: FetcherOf
) -> None:
    """Gateways and older versions refuse a key with a status of their own."""
    server.otherwise = refusal
    with pytest.raises(StorageMisconfiguredError, match="IMAGESIGNALS_STORAGE_KEY"):
        fetcher_of(**at(server, SHOTS), storage_key=SECRET).fetch("a.png")


def test_one_forbidden_picture_is_no_wrong_key(server: Server, fetcher_of: FetcherOf) -> None:
    """Where the key opens other doors, a 403 is about the picture; the key is proven once."""
    server.otherwise = Supabase(private={"shots": {"a.png": PICTURE}}, forbidden=("evil.png",))
    fetcher = fetcher_of(**at(server, SHOTS), storage_key=SECRET)
    assert [fetcher.fetch("evil.png") for _ in range(3)] == [DENIED] * 3
    assert fetcher.fetch("a.png") == PICTURE
    assert server.paths().count("/storage/v1/bucket") == 1


@pytest.mark.parametrize("answer", [reply(500), raw(b"")], ids=["500", "hang up"])
def test_a_key_that_cannot_be_proven_does_not_stop_the_run(
    answer: Callable[..., object], server: Server, fetcher_of: FetcherOf
) -> None:
    """A storage that fails while the key is tried is a failed picture and nothing more."""
    server.otherwise = reply(403)
    server.answers["/storage/v1/bucket"] = answer
    result = fetcher_of(**at(server, SHOTS), storage_key=SECRET).fetch("a.png")
    assert isinstance(result, Failure)
    assert result.kind in {FailureKind.ACCESS_DENIED, FailureKind.NETWORK}


def test_a_private_bucket_without_a_key_stops_the_run(
    server: Server, fetcher_of: FetcherOf
) -> None:
    """The operator's own bucket that the public route does not know needs a key."""
    server.otherwise = Supabase(private={"shots": {"a.png": PICTURE}})
    with pytest.raises(StorageMisconfiguredError) as caught:
        fetcher_of(**at(server, SHOTS)).fetch(f"{server.url}{SHOTS}a.png")
    assert str(caught.value) == (
        "the bucket shots is private or missing: "
        "set IMAGESIGNALS_STORAGE_KEY or IMAGESIGNALS_STORAGE_URL"
    )


def test_a_missing_bucket_stops_the_run(server: Server, fetcher_of: FetcherOf) -> None:
    """With a key that is accepted, an unknown bucket is a wrong IMAGESIGNALS_STORAGE_URL."""
    server.otherwise = Supabase(private={"other": {}})
    with pytest.raises(
        StorageMisconfiguredError, match="IMAGESIGNALS_STORAGE_URL names the bucket shots"
    ):
        fetcher_of(**at(server, SHOTS), storage_key=JWT).fetch("a.png")


def test_a_name_in_an_error_stops_no_run(server: Server, fetcher_of: FetcherOf) -> None:
    """A message may repeat what was asked for, and names come from strangers."""
    message = b'{"error":"InvalidKey","message":"Invalid key: bucket not found~.png"}'
    server.otherwise = reply(400, message)
    result = fetcher_of(**at(server, SHOTS)).fetch("bucket not found~.png")
    assert isinstance(result, Failure)


def test_a_strangers_bucket_neither_stops_the_run_nor_gets_the_key(
    server: Server, fetcher_of: FetcherOf
) -> None:
    """A URL that names another bucket of our storage is one failed picture, asked without key.

    Otherwise a payer could stop every run, or have the operator's key open a drawer for them.
    """
    server.otherwise = Supabase(private={"shots": {}, "salaries": {"a.png": PICTURE}})
    fetcher = fetcher_of(**at(server, SHOTS), storage_key=SECRET)
    for path in ("public/salaries/a.png", "authenticated/salaries/a.png", "sign/nowhere/a.png"):
        result = fetcher.fetch(f"{server.url}/storage/v1/object/{path}")
        assert isinstance(result, Failure)
    for path in ("bucket", "s3/shots/a.png", "object/list/shots", "object/upload/sign/shots/a.png"):
        assert isinstance(fetcher.fetch(f"{server.url}/storage/v1/{path}"), Failure)
    assert fetcher.fetch("salaries/a.png") == NOT_FOUND
    asked_with_key = [seen.path for seen in server.seen if "apikey" in seen.headers]
    assert asked_with_key == ["/storage/v1/object/authenticated/shots/salaries/a.png"]


@pytest.mark.parametrize(
    "climb",
    ["{shots}../salaries/a.png", "{shots}%2e%2e/salaries/a.png", "{shots}..%2fsalaries/a.png",
     "{shots}a/%2e%2e/%2e%2e/salaries/a.png", "/storage/v1/object/public/%2e%2e/a.png",
     "/storage/v1/object/public/shots%2f..%2fsalaries/a.png"],
)  # fmt: skip
def test_a_key_cannot_be_led_to_another_bucket(
    climb: str, server: Server, fetcher_of: FetcherOf
) -> None:
    """Dot segments in a stored URL never carry the key out of the bucket it was meant for."""
    server.otherwise = Supabase(private={"shots": {}, "salaries": {"a.png": PICTURE}})
    fetcher = fetcher_of(**at(server, SHOTS), storage_key=SECRET)
    assert isinstance(fetcher.fetch(server.url + climb.format(shots=SHOTS)), Failure)
    assert not [seen for seen in server.seen if "apikey" in seen.headers]


def test_a_key_stays_at_home(internet: Internet, server: Server, fetcher_of: FetcherOf) -> None:
    """A redirect to another host, port or scheme goes without the key; one back home has it."""
    with Server(otherwise=reply(200, PICTURE)) as other:
        elsewhere = internet.host("cdn.test", other)
        server.answers = {
            "/storage/v1/object/authenticated/shots/away.png": reply(302, location=elsewhere),
            "/storage/v1/object/authenticated/shots/near.png": reply(302, location="/public.png"),
            "/storage/v1/object/authenticated/shots/home.png": reply(
                302, location="/storage/v1/object/public/shots/a.png"
            ),
            "/storage/v1/object/authenticated/shots/port.png": reply(
                302, location=f"{other.url}/p"
            ),
            "/public.png": reply(200, PICTURE),
        }
        server.otherwise = Supabase(private={"shots": {"a.png": PICTURE}})
        settings = {**at(server, SHOTS), "allowed_origins": (other.url,)}
        for key in (SECRET, JWT):
            fetcher = fetcher_of(**settings, storage_key=key)
            for name in ("away.png", "near.png", "home.png", "port.png"):
                assert fetcher.fetch(name) == PICTURE
        leaked = [seen for seen in other.seen if {"apikey", "authorization"} & set(seen.headers)]
        assert leaked == []
        assert len(other.seen) == 4
    paths = {seen.path for seen in server.seen if "apikey" in seen.headers}
    assert "/public.png" not in paths
    assert "/storage/v1/object/authenticated/shots/a.png" in paths


@pytest.mark.parametrize("form", ["public", "authenticated", "sign"])
def test_a_key_is_not_fooled_by_a_familiar_path(
    form: str, internet: Internet, server: Server, fetcher_of: FetcherOf
) -> None:
    """Another host or port with our storage's very path gets no key, asked or redirected to."""
    path = f"/storage/v1/object/{form}/shots/a.png"
    with Server(otherwise=reply(200, PICTURE)) as other:
        evil = internet.host("evil.test", other)
        server.otherwise = reply(302, location=f"{evil}{path}")
        for key in (SECRET, JWT):
            fetcher = fetcher_of(**at(server, SHOTS), storage_key=key, allowed_origins=(other.url,))
            for url in (f"{evil}{path}", f"{other.url}{path}", "a.png"):
                assert fetcher.fetch(url) == PICTURE
        assert len(other.seen) == 6
        assert not [seen for seen in other.seen if {"apikey", "authorization"} & set(seen.headers)]
    assert all("apikey" in seen.headers for seen in server.seen)


def test_a_storage_below_a_path_is_understood(server: Server, fetcher_of: FetcherOf) -> None:
    """A storage behind a gateway's prefix gets the key there, and nowhere else on that host."""
    inside = "/supabase/storage/v1/object/authenticated/shots/a.png"
    server.answers = {inside: reply(200, PICTURE)}
    place = "/supabase/storage/v1/object/public/shots"
    fetcher = fetcher_of(**at(server, place), storage_key=SECRET)
    assert fetcher.fetch("a.png") == PICTURE
    assert isinstance(fetcher.fetch(f"{server.url}{SHOTS}a.png"), Failure)
    assert [seen.path for seen in server.seen if "apikey" in seen.headers] == [inside]


def test_a_storage_that_is_busy_is_asked_again(server: Server, fetcher_of: FetcherOf) -> None:
    """The storage's own 'too many connections' is waited out."""
    busy = reply(429, b'{"statusCode":"429","error":"too_many_connections"}')
    server.otherwise = in_turn(busy, reply(200, PICTURE))
    assert fetcher_of(**at(server, SHOTS), storage_key=SECRET).fetch("a.png") == PICTURE


def test_an_error_that_breaks_off_keeps_its_status(server: Server, fetcher_of: FetcherOf) -> None:
    """Where the storage's explanation does not come, its status alone decides."""
    server.otherwise = raw(b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")
    assert fetcher_of(**at(server, SHOTS)).fetch("a.png") == NOT_FOUND


def test_a_storage_that_fails_is_not_searched_further(
    server: Server, fetcher_of: FetcherOf
) -> None:
    """A bucket that fails may hold the picture: another bucket's answer would be a guess."""
    server.otherwise = Supabase(public={"proofs": {"a.png": PICTURE}})
    server.answers["/storage/v1/object/public/shots/a.png"] = reply(500)
    result = fetcher_of(**at(server, SHOTS, PROOFS), attempts=1).fetch("a.png")
    assert result == Failure(FailureKind.SERVER_ERROR, "Failed to fetch: 500")


def test_a_name_that_is_not_utf_8_is_refused(server: Server, fetcher_of: FetcherOf) -> None:
    """A stored object's name is text; anything else is no URL of one."""
    result = fetcher_of(**at(server, SHOTS)).fetch(f"{server.url}{SHOTS}%ff%fe.png")
    assert result == Failure(FailureKind.INVALID_URL, "Failed to fetch: invalid URL, not UTF-8")


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"null", b'"404"', b"{", b"[" * 4000, b'{"statusCode":{}}',
     b'{"statusCode":"4040"}', b'{"statusCode":"200"}', b'{"statusCode":null,"error":[1]}',
     b"\xff\xfe", b'{"statusCode":' + b"9" * 3000 + b"}"],
)  # fmt: skip
def test_an_error_that_cannot_be_read_keeps_its_status(body: bytes) -> None:
    """Bodies that are no error of the storage change nothing and raise nothing."""
    assert reported(400, body)[0] == 400
