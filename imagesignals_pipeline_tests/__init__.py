"""The project's tests, benchmarks and evaluation."""
