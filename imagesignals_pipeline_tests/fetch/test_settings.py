"""What the operator can set, and one clear line for what cannot be used."""

import pytest

from imagesignals_pipeline.fetch import FetchMisconfiguredError, FetchSettings
from imagesignals_pipeline.fetch.urls import Origin

PLACE = "https://abc.supabase.co/storage/v1/object/public/shots/"


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_unset_and_empty_are_the_same(empty: str | None) -> None:
    """Variables that are empty count as not set."""
    assert FetchSettings.from_values(empty, empty, empty) == FetchSettings()


def test_storage_and_allowed_origins_are_trusted() -> None:
    """Each trusted origin is exact: scheme, host and port."""
    settings = FetchSettings.from_values(
        f"{PLACE}, https://ABC.supabase.co./storage/v1/object/public/proofs",
        None,
        " http://10.0.0.5:8000 ,https://[fd00::1]/, ",
    )
    assert settings.trusted == {
        Origin("https", "abc.supabase.co", 443),
        Origin("http", "10.0.0.5", 8000),
        Origin("https", "fd00::1", 443),
    }
    assert len(settings.places) == 2


@pytest.mark.parametrize(
    ("values", "variable"),
    [
        (("abc.supabase.co", None, None), "IMAGESIGNALS_STORAGE_URL"),
        (("ftp://abc/", None, None), "IMAGESIGNALS_STORAGE_URL"),
        (("https://user:secret@abc.test/", None, None), "IMAGESIGNALS_STORAGE_URL"),
        (("https://abc.test/?token=secret", None, None), "IMAGESIGNALS_STORAGE_URL"),
        (("https://a.test/x/,https://b.test/x/", None, None), "IMAGESIGNALS_STORAGE_URL"),
        ((None, "secret", None), "IMAGESIGNALS_STORAGE_KEY"),
        ((PLACE, "secret\nsecond line", None), "IMAGESIGNALS_STORAGE_KEY"),
        ((PLACE, "sécret", None), "IMAGESIGNALS_STORAGE_KEY"),
        (("https://abc.supabase.co", "secret", None), "IMAGESIGNALS_STORAGE_URL"),
        (("https://abc.supabase.co/storage/v1/", "secret", None), "IMAGESIGNALS_STORAGE_URL"),
        ((f"{PLACE},https://abc.supabase.co/x", "secret", None), "IMAGESIGNALS_STORAGE_URL"),
        ((None, None, "10.0.0.5"), "IMAGESIGNALS_ALLOWED_ORIGINS"),
        ((None, None, "http://10.0.0.5/path"), "IMAGESIGNALS_ALLOWED_ORIGINS"),
        ((None, None, "http://10.0.0.5/?secret"), "IMAGESIGNALS_ALLOWED_ORIGINS"),
        ((None, None, "*"), "IMAGESIGNALS_ALLOWED_ORIGINS"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_variable(
    values: tuple[str | None, str | None, str | None], variable: str
) -> None:
    """The error is one line for the operator and holds nothing of the value."""
    with pytest.raises(FetchMisconfiguredError, match=variable) as caught:
        FetchSettings.from_values(*values)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


IN_CLEAR = [
    "http://abc.supabase.co",
    "http://8.8.8.8",
    "http://lan.test",
    "http://[2002:808:808::]",
]
OWN = [
    "https://abc.supabase.co",
    "http://127.0.0.1:54321",
    "http://[::1]",
    "http://10.0.0.5:8000",
    "http://[fd00::1]:8000",
    "http://localhost",
    "http://storage:8000",
    "http://NAS.lan.",
]


@pytest.mark.parametrize("host", IN_CLEAR)
def test_a_key_does_not_cross_the_internet_in_clear(host: str) -> None:
    """Without TLS anybody on the way can read it; the line says what to set."""
    url = f"{host}/storage/v1/object/public/shots/"
    with pytest.raises(FetchMisconfiguredError) as caught:
        FetchSettings.from_values(url, "secret", None)
    assert str(caught.value) == (
        "IMAGESIGNALS_STORAGE_URL would send IMAGESIGNALS_STORAGE_KEY in clear: "
        "begin it with https://"
    )
    assert FetchSettings.from_values(url, None, None).storage_url == url


@pytest.mark.parametrize("host", OWN)
def test_a_key_may_go_to_a_machine_of_ones_own(host: str) -> None:
    """With TLS, or within the machine room, where names and addresses show that it is one."""
    url = f"{host}/storage/v1/object/public/shots/"
    assert FetchSettings.from_values(url, "secret", None).storage_key == "secret"


@pytest.mark.parametrize(
    "limits", [{"attempts": 0}, {"per_host": 0}, {"max_bytes": 0}, {"deadline_s": 0.0}]
)
def test_limits_are_above_zero(limits: dict[str, int]) -> None:
    """A limit of nothing would fail every picture, so it is refused at once."""
    with pytest.raises(FetchMisconfiguredError):
        FetchSettings(**limits)  # pyright: ignore[reportArgumentType]  # one of several fields


def test_the_key_is_not_in_the_representation() -> None:
    """Settings can be logged."""
    assert "sb_secret" not in repr(FetchSettings(storage_url=PLACE, storage_key="sb_secret_x"))
