-- A society of :people submissions, all analysed, in which every trap of a large one is found: half
-- of all pictures share one 64-bit hash (receipts of one app do), every hundredth file was handed in
-- twice, thousands of pairs were compared, and of every fiftieth row another program says that it is a
-- copy of nothing.
insert into payment_submissions (id, flat_id, screenshot_url, created_at)
select
    ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
    'F-' || n % 100,
    'https://store.test/' || n || '.png',
    timestamptz '2024-01-01 00:00+00' + n * interval '1 hour'
from generate_series(1, :people) as n;

insert into payment_image_signals (
    payment_submission_id, image_url, perceptual_hash, written_by_pipeline,
    duplicate_detected, similar_to_payment_id, similarity_percentage, similarity_explanation
)
select
    ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
    'https://store.test/' || n || '.png',
    case when n % 2 = 0 then repeat('f', 16) else lpad(n::text, 16, '0') end,
    n % 50 <> 25,
    n % 100 = 0 or n % 50 = 25,
    case
        when n % 100 = 0 then ('00000000-0000-4000-8000-' || lpad((n - 1)::text, 12, '0'))::uuid
    end,
    case when n % 100 = 0 then 100 end,
    case when n % 100 = 0 then 'Same file' end
from generate_series(1, :people) as n;

insert into image_fingerprints (
    payment_submission_id, content_sha256, pixels_sha256, payload, algorithm_version, analyzed_at
)
select
    ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
    sha256(('content ' || n - (n % 100 = 0)::integer)::bytea),
    sha256(('pixels ' || n - (n % 100 = 0)::integer)::bytea),
    repeat('x', 600)::bytea,
    1,
    now()
from generate_series(1, :people) as n;

insert into image_matches (
    pixels_a, pixels_b, later, same_picture, parted, similarity_percentage, explanation,
    algorithm_version
)
select
    least(one, other),
    greatest(one, other),
    other,
    n % 10 = 1,
    n % 10 > 3,
    95,
    'scaled',
    1
from generate_series(1, :people, 2) as n
cross join lateral (
    select
        sha256(('pixels ' || n)::bytea) as one,
        sha256(('pixels ' || n + 1)::bytea) as other
) as pair
on conflict do nothing;

insert into image_perceptual_hash_index (
    perceptual_hash, first_payment_id, first_uploaded_at, upload_count
)
select
    signals.perceptual_hash,
    (array_agg(submission.id order by submission.created_at))[1],
    min(submission.created_at),
    count(*)
from payment_image_signals as signals
join payment_submissions as submission on submission.id = signals.payment_submission_id
group by signals.perceptual_hash;

-- Everybody has mark 1, every second mark 2, and everybody three marks that nobody else has.
insert into image_pictures (
    pixels_sha256, first_created_at, first_id, algorithm_version, descriptor
)
select distinct on (fingerprint.pixels_sha256)
    fingerprint.pixels_sha256,
    submission.created_at,
    submission.id,
    1,
    repeat('x', 900)::bytea
from image_fingerprints as fingerprint
join payment_submissions as submission on submission.id = fingerprint.payment_submission_id
order by fingerprint.pixels_sha256, submission.created_at;

insert into image_marks (algorithm_version, mark, first_created_at, picture, other_bits)
select
    1,
    marks.mark,
    picture.first_created_at,
    picture.number,
    0
from image_pictures as picture
cross join lateral (
    select 1 as mark
    union all
    select 2 where picture.number % 2 = 0
    union all
    select 3 * picture.number + n from generate_series(1, 3) as n
) as marks;
