-- What "has a screenshot", "waits" and "when" mean, in one place. They name no table, so that
-- nothing of the live application is tied to them, and are so simple that the planner inlines them.

create function imagesignals_has_screenshot(screenshot_url text) returns boolean
language sql immutable
return coalesce(btrim(screenshot_url, E' \t\n\r\f\x0B') not in ('', 'admin-manual-entry'), false);

comment on function imagesignals_has_screenshot is
    'False without a URL, for a blank one, and for the mark of a payment that an admin typed in.';

create function imagesignals_waits(
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
    );

comment on function imagesignals_waits is
    'Whether a submission with this row, or with none, is still to be analysed. A row that another program left unfinished waits.';

create function imagesignals_moment(created_at timestamptz) returns timestamptz
language sql immutable
return least(
    greatest(created_at, timestamptz '1970-01-01 00:00+00'), timestamptz '9999-12-31 00:00+00'
);

comment on function imagesignals_moment is
    'When a submission counts as made: 1970 if it has no date, and never outside a calendar.';
