"""Which databases the environment comes to name."""

import os
from pathlib import Path

import pytest
from sqlalchemy import make_url

from imagesignals_pipeline import environment, settings


def test_what_was_tried_out_is_not_taken_for_done(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's storage of the demonstration is another one than that of the society's database."""
    monkeypatch.setenv(settings.HOME, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    named = set[str | None]()
    for url in ("", database_url):
        monkeypatch.setenv(settings.DATABASE_URL, url)
        monkeypatch.setenv(settings.DAGSTER_DATABASE_URL, "")
        with environment.prepared(dagster=True):
            named.add(make_url(os.environ[settings.DAGSTER_DATABASE_URL]).database)
    assert len(named) == 2
