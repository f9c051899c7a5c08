"""Every check of the project in one run: `python -m imagesignals_pipeline_tests`."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
OLDEST_POSTGRES = Path("/usr/lib/postgresql/15/bin")
CORE = ("analyse", "match", "activity.py", "backfill.py", "model.py", "pace.py", "picture.py")

PYTEST = (sys.executable, "-m", "pytest", "-q", "-n", "2")
STATIC = (
    ("lint", (BIN / "ruff", "check", ".")),
    ("format", (BIN / "ruff", "format", "--check", ".")),
    ("types", (BIN / "basedpyright", "--warnings")),
    ("rooms", (BIN / "lint-imports", "--no-cache")),
)
COVERAGE = (sys.executable, "-m", "coverage", "report", "--skip-covered", "--show-missing")


def main() -> int:
    """Run all checks, the quick ones first; return how many failed."""
    failed = [name for name, command in STATIC if not _passes(name, command)]
    covered = (*PYTEST, "--cov", "--cov-report=", "imagesignals_pipeline_tests")
    failed += [] if _passes("tests", covered) else ["tests"]
    failed += [] if _passes("coverage", (*COVERAGE, "--fail-under=94")) else ["coverage"]
    core = ",".join(
        f"imagesignals_pipeline/{each}{'' if each.endswith('.py') else '/*'}" for each in CORE
    )
    core_covered = (*COVERAGE, "--fail-under=98", f"--include={core}")
    failed += [] if _passes("coverage of the core", core_covered) else ["coverage of the core"]
    failed += _oldest_postgres()
    print(f"\n{len(failed)} checks failed{': ' + ', '.join(failed) if failed else ''}", flush=True)
    return len(failed)


def _oldest_postgres() -> list[str]:
    """Run the tests of the database rooms on PostgreSQL 15, if the machine has one."""
    if not (OLDEST_POSTGRES / "postgres").exists():
        print(f"\n== PostgreSQL 15: SKIPPED, there is none in {OLDEST_POSTGRES}", flush=True)
        return []
    environ = {**os.environ, "IMAGESIGNALS_TEST_PG_BIN": str(OLDEST_POSTGRES)}
    command = (*PYTEST, "imagesignals_pipeline_tests/database")
    return [] if _passes("PostgreSQL 15", command, environ) else ["PostgreSQL 15"]


def _passes(
    name: str, command: tuple[str | Path, ...], environ: dict[str, str] | None = None
) -> bool:
    """Run one check and say how long it took."""
    print(f"\n== {name}", flush=True)
    began = time.monotonic()
    status = subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode
    verdict = "ok" if status == 0 else f"FAILED ({status})"
    print(f"-- {name}: {verdict}, {time.monotonic() - began:.0f} s", flush=True)
    return status == 0


if __name__ == "__main__":
    sys.exit(main())
