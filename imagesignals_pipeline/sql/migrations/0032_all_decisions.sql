-- What decisions stand is written once. Some databases have these functions from an earlier 0031.
create or replace function imagesignals_decisions() returns table (
    id bigint, payment_submission_id uuid, decision text, reviewer text, note text,
    decided_at timestamptz, against_this_original boolean, stands boolean
)
language sql stable
as $$
select
    decided.id,
    decided.payment_submission_id,
    decided.decision,
    decided.reviewer,
    decided.note,
    decided.decided_at,
    decided.judged_against_id = signals.similar_to_payment_id,
    coalesce(signals.duplicate_detected, false)
    and imagesignals_stands(
        decided.decision, decided.copy_sha256, copy_print.content_sha256,
        decided.judged_against_id, decided.judged_against_sha256,
        judged_print.content_sha256, judged.similar_to_payment_id,
        signals.similar_to_payment_id, original_print.content_sha256
    )
from image_review_decisions as decided
join payment_image_signals as signals
    on signals.payment_submission_id = decided.payment_submission_id
left join image_fingerprints as copy_print
    on copy_print.payment_submission_id = decided.payment_submission_id
left join image_fingerprints as original_print
    on original_print.payment_submission_id = signals.similar_to_payment_id
left join image_fingerprints as judged_print
    on judged_print.payment_submission_id = decided.judged_against_id
left join payment_image_signals as judged
    on judged.payment_submission_id = decided.judged_against_id
$$;

comment on function imagesignals_decisions is
    'All decisions about submissions that have signals, and whether each still stands.';

create or replace function imagesignals_standing_decisions() returns table (
    payment_submission_id uuid, decision text, reviewer text, note text, decided_at timestamptz
)
language sql stable
as $$
select distinct on (decided.payment_submission_id)
    decided.payment_submission_id,
    decided.decision,
    decided.reviewer,
    decided.note,
    decided.decided_at
from imagesignals_decisions() as decided
where decided.stands
order by decided.payment_submission_id, decided.id desc
$$;

comment on function imagesignals_standing_decisions is
    'The decision that counts about each copy that has one: the latest of those that still stand.';
