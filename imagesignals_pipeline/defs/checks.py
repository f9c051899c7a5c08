"""The verification queries of the operator's guide, as asset checks."""

from collections.abc import Iterator

import dagster as dg

from imagesignals_pipeline import verify
from imagesignals_pipeline.defs import abandoned, preview
from imagesignals_pipeline.defs.resources import Postgres, plain_failures


@dg.multi_asset_check(
    name="post_backfill_verification",
    specs=[
        dg.AssetCheckSpec(check.name, asset=str(check.table), description=check.description)
        for check in verify.CHECKS
    ],
    can_subset=True,
)
def post_backfill_verification(
    context: dg.AssetCheckExecutionContext, postgres: dg.ResourceParam[Postgres]
) -> Iterator[dg.AssetCheckResult]:
    """Compare both tables with the submissions and with each other."""
    abandoned.sign(context.op_execution_context)
    with plain_failures(), postgres.engine.begin() as connection:
        report = verify.report(connection)
    selected = {key.name for key in context.selected_asset_check_keys}
    for check in report.checks:
        if check.name in selected:
            yield dg.AssetCheckResult(
                asset_key=str(check.table),
                check_name=check.name,
                passed=check.passed,
                severity=dg.AssetCheckSeverity(str(check.severity)),
                description=check.description,
                metadata={**check.numbers, **_details(check, report)},
            )


def _details(check: verify.CheckResult, report: verify.Report) -> dict[str, dg.MetadataValue]:
    """Return what an operator wants to read beside a check's numbers."""
    if check.name == "failure_rate":
        return {"not_analysed": preview.table(report.failures())}
    return {}
