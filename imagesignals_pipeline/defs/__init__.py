"""The Dagster shell: the only code that imports dagster."""
