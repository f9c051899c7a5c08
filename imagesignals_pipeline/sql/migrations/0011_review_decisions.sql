-- What reviewers decided about copies, and what makes a page of them quick. A decision names the
-- two submissions and the two files that were looked at, so that it neither depends on a row that
-- a later run writes anew, nor speaks of pictures that nobody has seen.

create table image_review_decisions (
    id bigint generated always as identity primary key,
    request_id uuid not null unique,
    payment_submission_id uuid not null references payment_submissions (id) on delete cascade,
    judged_against_id uuid not null,
    copy_sha256 bytea,
    judged_against_sha256 bytea,
    decision text not null check (decision in ('same_payment', 'not_duplicate', 'follow_up')),
    reviewer text not null check (length(reviewer) between 1 and 80),
    note text not null default '' check (length(note) <= 2000),
    decided_at timestamptz not null default now()
);
comment on table image_review_decisions is
    'What reviewers decided about copies: a history that only grows. It changes no signal.';
comment on column image_review_decisions.request_id is
    'Made with the form: sending it twice records one decision.';
comment on column image_review_decisions.judged_against_id is
    'The original at that time. No key: the decision outlives a deleted original.';
comment on column image_review_decisions.copy_sha256 is
    'The bytes that were looked at; null when another program had analysed the picture.';
create index image_review_decisions_by_submission
    on image_review_decisions (payment_submission_id, id);

create function imagesignals_refuse_change() returns trigger
language plpgsql
as $$
begin
    raise exception '% only grows: record another decision instead', tg_table_name;
end
$$;
create trigger image_review_decisions_only_grows
before update on image_review_decisions
for each row execute function imagesignals_refuse_change();

create index imagesignals_copies on payment_image_signals (
    similar_to_payment_id, payment_submission_id
) where duplicate_detected;

-- Names no table, like the functions of 0006, and is so simple that the planner inlines it.
create function imagesignals_tier(
    written_by_pipeline boolean,
    copy_content bytea, original_content bytea, copy_pixels bytea, original_pixels bytea
) returns text
language sql immutable
return case
    when not written_by_pipeline or copy_content is null or original_content is null
        then 'unchecked'
    when copy_content = original_content then 'same_file'
    when copy_pixels = original_pixels then 'same_pixels'
    else 'same_picture'
end;
comment on function imagesignals_tier is
    'How a copy is the same as its original; unchecked: another program says so, not we.';

do $$
begin
    if exists (select from pg_roles where rolname in ('anon', 'authenticated')) then
        alter table image_review_decisions enable row level security;
    end if;
end
$$;
