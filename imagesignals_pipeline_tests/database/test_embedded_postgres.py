"""The embedded server: made, shared, killed, and brought back."""

from sqlalchemy import Connection, text


def test_each_test_has_a_database_of_its_own(connection: Connection) -> None:
    """The fixture's connection works, in a database named for this test alone."""
    name = connection.execute(text("select current_database()")).scalar_one()
    assert name.startswith("test_")
