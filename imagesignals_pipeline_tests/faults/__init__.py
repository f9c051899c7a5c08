"""Random kills of every process, and what must hold after the next run."""
