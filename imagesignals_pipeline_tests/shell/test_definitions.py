"""What the UI shows before anything has run: assets, edges, partitions, checks, configuration."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest

from imagesignals_pipeline import settings, verify
from imagesignals_pipeline.definitions import defs
from imagesignals_pipeline.defs import catalog
from imagesignals_pipeline.defs.assets import WHAT_NEXT, BackfillConfig
from imagesignals_pipeline.defs.partitions import MONTHS

GRAPH = defs.resolve_asset_graph()
SUBMISSIONS, PENDING, SIGNALS, INDEX, REPORT, PATTERNS = map(
    dg.AssetKey,
    (
        "payment_submissions",
        "pending_submissions",
        "payment_image_signals",
        "image_perceptual_hash_index",
        "duplicate_review_report",
        "monthly_patterns",
    ),
)


def test_loads_with_nothing_set(tmp_path: Path) -> None:
    """The definitions load with an empty environment, anywhere, without a warning."""
    subprocess.run(
        [sys.executable, "-W", "error", "-c", "import imagesignals_pipeline.definitions"],
        env={name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
        cwd=tmp_path,
        check=True,
        timeout=120,
    )


def test_dagster_finds_them(tmp_path: Path) -> None:
    """Dagster's own command validates the workspace with nothing set."""
    said = subprocess.run(
        [
            *(sys.executable, "-m", "dagster", "definitions", "validate"),
            *("-w", settings.ROOT / "workspace.yaml"),
        ],
        env={name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        cwd=tmp_path,
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        check=False,
        timeout=120,
        text=True,
    )
    assert said.returncode == 0, said.stdout
    assert "Validation successful for code location imagesignals_pipeline" in said.stdout


def test_they_are_complete() -> None:
    """Every resource, config and partition fits."""
    dg.Definitions.validate_loadable(defs)


def test_data_flows_one_way() -> None:
    """The submissions are external; what waits, signals, index and report follow in this order."""
    assert {key: set(GRAPH.get(key).parent_keys) for key in GRAPH.get_all_asset_keys()} == {
        SUBMISSIONS: set(),
        PENDING: {SUBMISSIONS},
        SIGNALS: {PENDING},
        INDEX: {SIGNALS},
        REPORT: {INDEX},
        PATTERNS: {INDEX},
    }
    assert not GRAPH.get(SUBMISSIONS).is_materializable


def test_months() -> None:
    """What belongs to a month is partitioned by it; the index is about all of them."""
    assert [GRAPH.get(key).partitions_def for key in (PENDING, SIGNALS, INDEX)] == [
        MONTHS,
        MONTHS,
        None,
    ]
    assert [GRAPH.get(key).backfill_policy for key in (PENDING, SIGNALS)] == [None, None]


def test_everything_is_explained() -> None:
    """Each asset, check and job has a sentence that the operator reads in the UI."""
    described = [GRAPH.get(key).description for key in GRAPH.get_all_asset_keys()]
    assert all(described)
    assert defs.resolve_job_def("image_signals_backfill").description
    assert all(field.description for field in BackfillConfig.model_fields.values())


def test_everything_is_filed() -> None:
    """Each asset has a group, somebody to ask and kinds; each table has its columns, explained."""
    for key in GRAPH.get_all_asset_keys():
        assert GRAPH.get(key).group_name == catalog.GROUP
        assert GRAPH.get(key).owners
        assert GRAPH.get(key).kinds
    for key in (SUBMISSIONS, SIGNALS, INDEX):
        schema = GRAPH.get(key).metadata[catalog.COLUMNS]
        assert isinstance(schema, dg.TableSchema)
        assert schema.columns
        assert all(column.description for column in schema.columns)


def test_all_means_all() -> None:
    """No partition is named by a day: of such the UI's dialog would offer the last 90 days only."""
    assert all(re.fullmatch(r"\d{4}-\d\d", key) for key in MONTHS.get_partition_keys())


def test_checks_are_on_the_asset_that_they_are_about() -> None:
    """Each check of the verification is an asset check of the table that it names."""
    assert {(key.name, key.asset_key) for key in GRAPH.asset_check_keys} == {
        (check.name, dg.AssetKey(str(check.table))) for check in verify.CHECKS
    }


def test_the_job_repeats_every_step() -> None:
    """A run that crashed is never retried from failure, which would drop batches."""
    job = defs.resolve_job_def("image_signals_backfill")
    assert job.tags["dagster/retry_strategy"] == "ALL_STEPS"
    assert set(job.asset_layer.executable_asset_keys) == {PENDING, SIGNALS, INDEX}
    ops = {node.name for node in job.graph.nodes}
    assert "post_backfill_verification" in ops


def test_links_hold_wherever_the_code_is_loaded() -> None:
    """Kubernetes names the code location after its deployment; the job that is named is there."""
    assert "/locations/" not in WHAT_NEXT
    for name in re.findall(r"/guess/(\w+)", WHAT_NEXT):
        assert defs.resolve_job_def(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("batch_size", 101),
        ("batch_delay", -0.1),
        ("batch_delay", 60.5),
        ("since", "yesterday"),
        ("until", "2025-02-30"),
    ],
)
def test_bounds_are_kept(name: str, value: float | str) -> None:
    """A number out of bounds or a date that is none is refused before the run starts."""
    job = defs.resolve_job_def("image_signals_backfill")
    with pytest.raises(dg.DagsterConfigMappingFunctionError) as raised:
        dg.validate_run_config(job, configured({name: value}))
    assert name in str(raised.value.__cause__)


def test_sound_configuration_is_taken() -> None:
    """The bounds themselves, and a real date, are within bounds."""
    sound = {"batch_size": 100, "batch_delay": 0, "since": "2024-02-29", "retry_failed": True}
    assert dg.validate_run_config(defs.resolve_job_def("image_signals_backfill"), configured(sound))


def configured(values: Mapping[str, float | str | bool]) -> dict[str, object]:
    """Return the run configuration as the UI asks for it."""
    return {"ops": {"payment_image_signals": {"config": values}}}
