"""Image signals for payment screenshots, as Dagster assets over PostgreSQL.

No library: use the command `imagesignals`, or the Dagster definitions in `definitions.py`.
"""
