-- One authoritative row for each submission. The live application has no unique key, and analysed
-- a submission again on every run once it had two rows. Of several rows the best stays: analysed
-- before skipped before failed, not its own copy, the newest. The others move, whole, into a table
-- of ours.

create table payment_image_signals_superseded (
    id uuid primary key default gen_random_uuid(),
    payment_submission_id uuid references payment_submissions (id) on delete cascade,
    content jsonb not null,
    superseded_at timestamptz not null default now()
);
comment on table payment_image_signals_superseded is
    'Rows of payment_image_signals that were second rows of their submission when it was adopted.';

lock table payment_image_signals in share row exclusive mode;

-- What other tables keep about a second row would go or change with it: then nothing is moved.
do $$
declare
    referring text;
begin
    select string_agg(distinct cast(conrelid::regclass as text), ', ')
    into referring
    from pg_constraint
    where contype = 'f'
        and confrelid = 'payment_image_signals'::regclass
        and confdeltype in ('c', 'n', 'd');
    if referring is not null and exists (
        select
        from payment_image_signals
        where payment_submission_id is not null
        group by payment_submission_id
        having count(*) > 1
    ) then
        raise exception 'submissions have second rows in payment_image_signals, and moving them aside'
            ' would delete or change what refers to them in %: leave one row of each submission, or'
            ' drop those foreign keys for the time being', referring;
    end if;
end
$$;

with ranked as (
    select
        signals.ctid as place,
        row_number() over (
            partition by signals.payment_submission_id
            order by
                array_position(
                    array['completed', 'skipped', 'failed'], signals.analysis_status
                ) nulls last,
                (
                    coalesce(signals.duplicate_detected, false)
                    and coalesce(signals.similar_to_payment_id, signals.payment_submission_id)
                    = signals.payment_submission_id
                ),
                signals.analyzed_at desc nulls last,
                signals.created_at desc nulls last,
                signals.ctid desc
        ) as rank
    from payment_image_signals as signals
    where signals.payment_submission_id is not null
),

moved as (
    delete from payment_image_signals as signals
    using ranked
    where signals.ctid = ranked.place and ranked.rank > 1
    returning signals.*
)

insert into payment_image_signals_superseded (payment_submission_id, content)
select
    submission.id,
    to_jsonb(moved.*)
from moved
left join payment_submissions as submission on submission.id = moved.payment_submission_id;

do $$
begin
    if not exists (
        select
        from pg_index
        join pg_attribute
            on pg_attribute.attrelid = pg_index.indrelid
            and pg_index.indkey[0] = pg_attribute.attnum
        where pg_index.indrelid = 'payment_image_signals'::regclass
            and pg_index.indisunique
            and pg_index.indisvalid
            and pg_index.indnatts = 1
            and pg_index.indpred is null
            and pg_index.indimmediate
            and pg_attribute.attname = 'payment_submission_id'
    ) then
        create unique index imagesignals_one_row_per_submission
            on payment_image_signals (payment_submission_id);
    end if;
end
$$;
