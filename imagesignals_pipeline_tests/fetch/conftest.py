"""What the tests of fetching share: servers, an Internet, and fetchers with short limits."""

from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from imagesignals_pipeline.fetch import Fetcher, FetchSettings
from imagesignals_pipeline_tests.fetch.servers import Internet, Server

SHORT = FetchSettings(
    max_bytes=2**20,
    deadline_s=2.0,
    max_wait_s=6.0,
    attempts=3,
    backoff_s=0.05,
    connect_timeout_s=0.5,
    silence_timeout_s=1.0,
)


@pytest.fixture
def internet() -> Internet:
    """An Internet without any host."""
    return Internet()


@pytest.fixture
def server() -> Generator[Server]:
    """A server that answers 404 to everything, until a test gives it more to say."""
    with Server() as running:
        yield running


@pytest.fixture
def fetcher_of(internet: Internet) -> Generator[Callable[..., Fetcher]]:
    """Make fetchers on the test's Internet; arguments are fields of their settings."""
    with ExitStack() as stack:

        def make(**settings: object) -> Fetcher:
            made = Fetcher(replace(SHORT, **settings), internet.resolve, internet.connect)
            return stack.enter_context(made)

        yield make
