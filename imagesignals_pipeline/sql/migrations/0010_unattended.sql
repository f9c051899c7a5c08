-- What runs without a person need to know: which screenshot a row is about, and how often it failed.

-- A screenshot's address without what may be secret or changes by itself: user name and password,
-- query string (signed tokens), fragment. The same as store/signals.py writes into `image_url`.
create function imagesignals_public_url(url text) returns text
language sql immutable
return left(
    case
        when strpos(url, '@') = 0
            then split_part(split_part(btrim(url, E' \t\n\r\f\x0B'), '?', 1), '#', 1)
        else regexp_replace(
            split_part(split_part(btrim(url, E' \t\n\r\f\x0B'), '?', 1), '#', 1),
            '^([A-Za-z][A-Za-z0-9+.-]*:[/\\]*)[^/\\]*@',
            '\1'
        )
    end,
    2048
);

create function imagesignals_is_current(
    written_by_pipeline boolean, image_url text, screenshot_url text
) returns boolean
language sql immutable
return
    not written_by_pipeline
    or image_url = screenshot_url
    or coalesce(image_url = imagesignals_public_url(screenshot_url), true);

comment on function imagesignals_is_current is
    'False when the submission shows another screenshot than the one that its row is about: it waits again. How another program writes addresses is unknown, so its rows are always current.';

create table image_signal_failures (
    payment_submission_id uuid primary key references payment_submissions (id) on delete cascade,
    image_url text not null,
    failure_kind text not null,
    failed_since timestamptz not null default now(),
    failed_at timestamptz not null default now()
);
comment on table image_signal_failures is
    'Since when, and when last, a screenshot could not be analysed; forgotten once it is.';

create function imagesignals_retry_at(
    failed_since timestamptz, failed_at timestamptz
) returns timestamptz
language sql stable
return case
    when failed_at - failed_since > interval '30 days' then timestamptz 'infinity'
    else failed_at + greatest(interval '15 minutes', failed_at - failed_since)
end;

comment on function imagesignals_retry_at is
    'When to try again by itself: each time after as long as it has failed already, so that the distance doubles; after 30 days never. Null where no failure is known.';

do $$
begin
    if exists (select from pg_roles where rolname in ('anon', 'authenticated')) then
        alter table image_signal_failures enable row level security;
    end if;
end
$$;
