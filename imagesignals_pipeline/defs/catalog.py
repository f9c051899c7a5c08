"""How the UI files an asset: its group, its owner, its columns."""

import dagster as dg
import pandas as pd

from imagesignals_pipeline import sql

GROUP = "image_signals"
"""One for all: the lineage folds several groups up, and hides what is in them."""
APPLICATION, PIPELINE, COMMITTEE = (
    ["team:live-application"],
    ["team:pipeline"],
    ["team:committee"],
)
"""Owners: whom to ask."""
COLUMNS = "dagster/column_schema"
"""Metadata with this name are shown as an asset's columns."""


def of_table(name: str) -> dict[str, dg.TableSchema | str]:
    """Return the definition metadata of a table: its columns, as the SQL scripts tell them."""
    columns = [
        dg.TableColumn(
            each.name,
            each.type,
            each.description,
            dg.TableColumnConstraints(nullable=not each.required),
        )
        for each in sql.columns(name)
    ]
    return {COLUMNS: dg.TableSchema(columns), "dagster/table_name": name}


def of_frame(frame: pd.DataFrame) -> dict[str, dg.TableSchema]:
    """Return the metadata of a materialization that made a frame and no table."""
    columns = [dg.TableColumn(str(name), str(kind)) for name, kind in frame.dtypes.items()]
    return {COLUMNS: dg.TableSchema(columns)}
