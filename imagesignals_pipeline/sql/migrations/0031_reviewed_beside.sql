-- "Not the same payment" says nothing about a submission beside which nobody saw the copy.
drop function imagesignals_stands(bytea, bytea, bytea, bytea, uuid, uuid, uuid);
create function imagesignals_stands(
    decision text, copy_seen bytea, copy_content bytea,
    judged_against_id uuid, judged_seen bytea, judged_content bytea, its_original_id uuid,
    original_id uuid, original_content bytea
) returns boolean
language sql immutable
return coalesce(
    copy_seen is not distinct from copy_content
    and judged_seen is not distinct from judged_content
    and (
        original_id = judged_against_id
        or (
            original_id = its_original_id
            and (decision <> 'not_duplicate' or judged_content = original_content)
        )
    ),
    false
);

comment on function imagesignals_stands is
    'Whether a decision still counts: both files are those that were seen, and the submission that the copy was judged against is its original, or a copy of the same original. That the two are different payments counts beside another original only if that shows the same file.';

create function imagesignals_same_flat(flat_id text, other text) returns boolean
language sql immutable
return coalesce(flat_id = other and btrim(flat_id) <> '', false);

comment on function imagesignals_same_flat is
    'Whether two submissions name one flat; where none is named nobody knows.';

create function imagesignals_standing_decisions() returns table (
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
where signals.duplicate_detected
    and imagesignals_stands(
        decided.decision, decided.copy_sha256, copy_print.content_sha256,
        decided.judged_against_id, decided.judged_against_sha256,
        judged_print.content_sha256, judged.similar_to_payment_id,
        signals.similar_to_payment_id, original_print.content_sha256
    )
order by decided.payment_submission_id, decided.id desc
$$;

comment on function imagesignals_standing_decisions is
    'The decision that counts about each copy that has one: the latest of those that still stand.';
