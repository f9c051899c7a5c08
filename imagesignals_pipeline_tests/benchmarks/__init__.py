"""Benchmarks: `make bench` runs them all, or run one by its name."""
