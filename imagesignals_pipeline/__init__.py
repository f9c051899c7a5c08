"""Image signals for payment screenshots, as Dagster assets over PostgreSQL."""
