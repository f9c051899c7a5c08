-- A society in which each of :groups pictures was submitted twice, an hour apart: every second copy
-- is the same file and by the same flat, and about every tenth somebody has decided.
create function pg_temp.person(n integer) returns uuid
language sql immutable
return ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid;

insert into payment_submissions (id, flat_id, screenshot_url, created_at)
select
    pg_temp.person(n),
    'F-' || case when n % 4 = 0 then n - 1 else n end,
    'https://store.test/' || n || '.png',
    timestamptz '2024-01-01 00:00+00' + n * interval '1 hour'
from generate_series(1, 2 * :groups) as n;

insert into payment_image_signals (
    payment_submission_id, image_url, perceptual_hash, written_by_pipeline,
    duplicate_detected, similar_to_payment_id, similarity_percentage, similarity_explanation
)
select
    pg_temp.person(n),
    'https://store.test/' || n || '.png',
    lpad(n::text, 16, '0'),
    true,
    n % 2 = 0,
    case when n % 2 = 0 then pg_temp.person(n - 1) end,
    case when n % 2 = 0 then 100 end,
    case when n % 2 = 0 then 'Same file' end
from generate_series(1, 2 * :groups) as n;

insert into image_fingerprints (
    payment_submission_id, content_sha256, pixels_sha256, payload, algorithm_version, analyzed_at
)
select
    pg_temp.person(n),
    sha256(('content ' || case when n % 4 = 0 then n - 1 else n end)::bytea),
    sha256(('pixels ' || (n - 1) / 2)::bytea),
    repeat('x', 600)::bytea,
    1,
    now()
from generate_series(1, 2 * :groups) as n;

insert into image_review_decisions (
    request_id, payment_submission_id, judged_against_id, copy_sha256, judged_against_sha256,
    decision, reviewer
)
select
    gen_random_uuid(),
    copy.payment_submission_id,
    original.payment_submission_id,
    copy.content_sha256,
    original.content_sha256,
    'follow_up',
    'Asha Rao'
from generate_series(2, 2 * :groups, 20) as n
join image_fingerprints as copy on copy.payment_submission_id = pg_temp.person(n)
join image_fingerprints as original on original.payment_submission_id = pg_temp.person(n - 1);
