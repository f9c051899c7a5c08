"""What runs borrow: opened for each, or kept for all that one process works on."""

import dagster as dg
import pytest
from sqlalchemy import Engine

from imagesignals_pipeline import settings
from imagesignals_pipeline.defs import resources
from imagesignals_pipeline.defs.resources import Decoders, Postgres
from imagesignals_pipeline.picture import Inspectors


def borrowed() -> tuple[Engine, Inspectors]:
    """Return what a run would work with."""
    context = dg.build_init_resource_context()
    with (
        Postgres().yield_for_execution(context) as postgres,
        Decoders().yield_for_execution(context) as decoders,
    ):
        return postgres.engine, decoders.inspectors


def test_what_is_kept_is_opened_once(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of one command share connections and decoders; others have their own."""
    monkeypatch.setenv(settings.DATABASE_URL, database_url)
    with resources.kept():
        first, second = borrowed(), borrowed()
    after, later = borrowed(), borrowed()
    for number in range(2):
        assert first[number] is second[number]
        assert len({id(each[number]) for each in (first, after, later)}) == 3
