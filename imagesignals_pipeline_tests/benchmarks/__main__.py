"""Run every benchmark, one after the other: `python -m imagesignals_pipeline_tests.benchmarks`."""

import subprocess
import sys

BENCHMARKS = ("bench_shell", "bench_analyze", "bench_backfill", "bench_memory", "bench_live")

for name in BENCHMARKS:
    print(f"\n== {name}", flush=True)
    subprocess.run([sys.executable, "-m", f"{__package__}.{name}"], check=True)
