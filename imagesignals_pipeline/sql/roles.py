"""Who may do what: roles that write the signals, read them, and review what they say."""

from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from imagesignals_pipeline.sql import loader, schema, states
from imagesignals_pipeline.sql.loader import query
from imagesignals_pipeline.sql.schema import SchemaError

HIDDEN = (
    "Row-level security hides payment_submissions from these roles: let its owner run this, or "
    "create a policy for select to all three."
)


@dataclass(frozen=True, slots=True)
class RolesReport:
    """What is left for others to decide, after the three roles have their rights.

    `foreign_policies` are those of other programs on our tables that let the users of the public
    API in, as `table: policy`. `submissions_hidden` is true when row-level security hides the
    submissions from the roles, and only the table's owner can change that.
    """

    foreign_policies: tuple[str, ...]
    submissions_hidden: bool

    @property
    def lines(self) -> tuple[str, ...]:
        """The report in the operator's words, one sentence a line."""
        lines = [
            "imagesignals_writer, imagesignals_reader and imagesignals_reviewer have their rights."
        ]
        lines.extend(
            f"The policy {policy} is another program's and stays: it decides which of the "
            "application's users see that table."
            for policy in self.foreign_policies
        )
        if self.submissions_hidden:
            lines.append(HIDDEN)
        return tuple(lines)


def grant_roles(connection: Connection) -> RolesReport:
    """Create the three roles and bring their rights up to date, in the caller's transaction.

    Repeating it changes nothing. The tables must be up to date.

    Raises:
        SchemaError: This role may not do it, or the tables stay too busy.
    """
    schema.require_tables(connection)
    try:
        with schema.beside_submissions(connection):
            schema.patiently(
                connection, lambda: schema.execute_script(connection, loader.roles_script())
            )
            policies = connection.execute(query("foreign_policies")).scalars().all()
            hidden = connection.execute(query("submissions_hidden_from_roles")).scalar_one()
    except DBAPIError as error:
        if states.sqlstate(error) == states.NOT_ALLOWED:
            raise SchemaError(
                "This role may not create roles and grant rights: run `imagesignals migrate "
                "--roles` as the owner of the tables, with the attribute CREATEROLE."
            ) from error
        raise SchemaError(schema.refusal(error)) from error
    return RolesReport(tuple(policies), hidden)
