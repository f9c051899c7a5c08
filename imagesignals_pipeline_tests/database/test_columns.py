"""What the UI says of a column is what the database has."""

import pytest
from sqlalchemy import Connection, inspect

from imagesignals_pipeline.sql import columns

TABLES = ("payment_submissions", "payment_image_signals", "image_perceptual_hash_index")
TYPES = {"timestamptz": "timestamp"}


@pytest.mark.parametrize("table", TABLES)
def test_the_scripts_are_read_as_the_server_does(connection: Connection, table: str) -> None:
    """Names, types and what may be null, in order, are those of the migrated database."""
    told = [(each.name, TYPES.get(each.type, each.type), each.required) for each in columns(table)]
    assert told == [
        (each["name"], str(each["type"]).lower(), not each["nullable"])
        for each in inspect(connection).get_columns(table)
    ]


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_explained(table: str) -> None:
    """Each has a sentence of its own."""
    told = [each.description for each in columns(table)]
    assert all(sentence.endswith(".") for sentence in told)
    assert len(set(told)) == len(told)


def test_an_unknown_table_has_no_columns() -> None:
    """Nothing is made up."""
    assert columns("no_such_table") == ()
