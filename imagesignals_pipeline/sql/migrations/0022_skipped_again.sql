-- What was skipped waits too when somebody asks for its kind: a host may have answered with a page for a
-- while, and a format may have a decoder now.
create or replace function imagesignals_waits(
    analysis_status text, failure_kind text, retried_kinds text[]
) returns boolean
language sql immutable
return
    analysis_status is null
    or analysis_status in ('pending', 'processing')
    or (
        analysis_status = 'failed'
        and retried_kinds is not null
        and (failure_kind is null or failure_kind = any(retried_kinds))
    )
    or (analysis_status = 'skipped' and coalesce(failure_kind = any(retried_kinds), false));
