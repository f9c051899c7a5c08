"""Run every benchmark, one after the other: `python -m imagesignals_pipeline_tests.benchmarks`."""

import subprocess
import sys

BENCHMARKS = ("shell", "analyze", "backfill", "memory", "live", "scale")

for name in BENCHMARKS:
    print(f"\n== bench_{name}", flush=True)
    subprocess.run([sys.executable, "-m", f"{__package__}.bench_{name}"], check=True)
