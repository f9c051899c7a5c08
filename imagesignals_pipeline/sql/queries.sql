-- Every statement of the pipeline. Python looks them up by name; `:words` are parameters.

-- == Verification as the operator's guide has it ==============================================

-- name: guide_total
-- Total payments with screenshots
SELECT COUNT(*) as total_payments_with_screenshots
FROM payment_submissions
WHERE screenshot_url IS NOT NULL;

-- name: guide_analyzed
-- Total analyzed signals
SELECT COUNT(*) as total_analyzed
FROM payment_image_signals
WHERE analysis_status = 'completed';

-- name: guide_statuses
-- Analysis status breakdown
SELECT
  analysis_status,
  COUNT(*) as count
FROM payment_image_signals
GROUP BY analysis_status
ORDER BY count DESC;

-- name: guide_duplicates
-- Find duplicates detected
SELECT
  ps.flat_id,
  ps.created_at,
  pis.similarity_percentage,
  pis.similarity_explanation
FROM payment_image_signals pis
JOIN payment_submissions ps ON ps.id = pis.payment_submission_id
WHERE pis.duplicate_detected = true
ORDER BY ps.created_at DESC
LIMIT 20;

-- == What waits (source.py) ====================================================================

-- name: totals
-- How many submissions of a window have a screenshot, and what became of them.
select
    count(*) as total,
    count(*) filter (where signals.analysis_status = 'completed') as completed,
    count(*) filter (where signals.analysis_status = 'skipped') as skipped,
    count(*) filter (where signals.analysis_status = 'failed') as failed
from payment_submissions as submission
left join payment_image_signals as signals
    on signals.payment_submission_id = submission.id
    and imagesignals_is_current(
        signals.written_by_pipeline, signals.image_url, submission.screenshot_url
    )
where imagesignals_has_screenshot(submission.screenshot_url)
    and imagesignals_within(submission.created_at, :since, :until);

-- name: pending_by_month
-- How many submissions wait in each month, in UTC.
select
    cast(
        date_trunc('month', imagesignals_moment(submission.created_at) at time zone 'UTC') as date
    ) as month,
    count(*) as pending
from payment_submissions as submission
left join payment_image_signals as signals
    on signals.payment_submission_id = submission.id
    and imagesignals_is_current(
        signals.written_by_pipeline, signals.image_url, submission.screenshot_url
    )
where imagesignals_has_screenshot(submission.screenshot_url)
    and imagesignals_waits(
        signals.analysis_status, signals.failure_kind, cast(:retried_kinds as text [])
    )
    and imagesignals_within(submission.created_at, :since, :until)
group by month
order by month;

-- name: pending
-- Who waits in a window, oldest first.
select
    submission.id,
    coalesce(cast(submission.flat_id as text), '') as flat_id,
    imagesignals_moment(submission.created_at) as created_at
from payment_submissions as submission
left join payment_image_signals as signals
    on signals.payment_submission_id = submission.id
    and imagesignals_is_current(
        signals.written_by_pipeline, signals.image_url, submission.screenshot_url
    )
where imagesignals_has_screenshot(submission.screenshot_url)
    and imagesignals_waits(
        signals.analysis_status, signals.failure_kind, cast(:retried_kinds as text [])
    )
    and imagesignals_within(submission.created_at, :since, :until)
order by imagesignals_moment(submission.created_at), submission.id
limit cast(:row_limit as bigint);

-- name: submissions
-- Given submissions that still exist and still have a screenshot, oldest first.
select
    submission.id,
    coalesce(cast(submission.flat_id as text), '') as flat_id,
    submission.screenshot_url,
    imagesignals_moment(submission.created_at) as created_at
from payment_submissions as submission
where submission.id = any(cast(:ids as uuid []))
    and imagesignals_has_screenshot(submission.screenshot_url)
order by imagesignals_moment(submission.created_at), submission.id;

-- name: analysed_since
-- Which of the given submissions are done: their row is of their present screenshot and of this
-- version, or the attempt has been made since then.
select signals.payment_submission_id as id
from payment_image_signals as signals
join payment_submissions as submission on submission.id = signals.payment_submission_id
left join image_fingerprints as fingerprint
    on fingerprint.payment_submission_id = signals.payment_submission_id
left join image_signal_failures as failure
    on failure.payment_submission_id = signals.payment_submission_id
where signals.payment_submission_id = any(cast(:ids as uuid []))
    and imagesignals_is_current(
        signals.written_by_pipeline, signals.image_url, submission.screenshot_url
    )
    and (
        (
            not imagesignals_waits(
                signals.analysis_status, signals.failure_kind, cast(:retried_kinds as text [])
            )
            and (
                signals.analysis_status <> 'completed'
                or fingerprint.algorithm_version = :algorithm_version
                or signals.analyzed_at >= :moment
            )
        )
        or (signals.analysis_status = 'failed' and signals.analyzed_at >= :moment)
        or failure.failed_at >= :moment
    );

-- name: outdated
-- Analysed submissions whose picture cannot be compared: no fingerprint, or one of another version.
-- Those that could not be analysed anew have their turn at a growing distance.
select submission.id
from payment_submissions as submission
join payment_image_signals as signals on signals.payment_submission_id = submission.id
left join image_fingerprints as fingerprint on fingerprint.payment_submission_id = submission.id
left join image_signal_failures as failure
    on failure.payment_submission_id = submission.id
    and failure.image_url = imagesignals_public_url(submission.screenshot_url)
where imagesignals_has_screenshot(submission.screenshot_url)
    and signals.analysis_status = 'completed'
    and fingerprint.algorithm_version is distinct from :algorithm_version
    and (
        failure.failure_kind is null
        or (
            failure.failure_kind = any(cast(:retried_kinds as text []))
            and imagesignals_retry_at(failure.failed_since, failure.failed_at) <= now()
        )
    )
    and imagesignals_within(submission.created_at, :since, :until)
order by imagesignals_moment(submission.created_at), submission.id
limit cast(:row_limit as bigint);

-- name: due
-- Failed submissions whose reason may pass, and whose pause is over.
select submission.id
from payment_submissions as submission
join payment_image_signals as signals on signals.payment_submission_id = submission.id
left join image_signal_failures as failure on failure.payment_submission_id = submission.id
where imagesignals_has_screenshot(submission.screenshot_url)
    and signals.analysis_status = 'failed'
    and imagesignals_waits(
        signals.analysis_status, signals.failure_kind, cast(:retried_kinds as text [])
    )
    and coalesce(imagesignals_retry_at(failure.failed_since, failure.failed_at) <= now(), true)
    and imagesignals_within(submission.created_at, :since, :until)
order by imagesignals_moment(submission.created_at), submission.id;

-- name: planned
-- One batch of a run.
select
    batch_number,
    batch_count,
    submission_ids,
    planned_at
from image_signal_batches
where run_id = :run_id and batch_number = :batch_number;

-- name: planned_at
-- When a run planned its batches; null when it never did.
select min(planned_at) as planned_at
from image_signal_batches
where run_id = :run_id;

-- name: unfinished
-- How many submissions a run planned that are not done; see `analysed_since`. What was tried since
-- the plan counts as done, also where its screenshot has been replaced by now.
select count(*) as unfinished
from (
    select unnest(submission_ids) as id
    from image_signal_batches
    where run_id = :run_id
) as planned
join payment_submissions as submission on submission.id = planned.id
left join payment_image_signals as signals on signals.payment_submission_id = submission.id
left join image_fingerprints as fingerprint on fingerprint.payment_submission_id = submission.id
left join image_signal_failures as failure on failure.payment_submission_id = submission.id
where imagesignals_has_screenshot(submission.screenshot_url)
    and (
        imagesignals_waits(signals.analysis_status, signals.failure_kind, null)
        or (
            coalesce(greatest(signals.analyzed_at, failure.failed_at) < :moment, true)
            and (
                imagesignals_waits(
                    signals.analysis_status, signals.failure_kind, cast(:retried_kinds as text [])
                )
                or not imagesignals_is_current(
                    signals.written_by_pipeline, signals.image_url, submission.screenshot_url
                )
                or (
                    signals.analysis_status = 'completed'
                    and fingerprint.algorithm_version is distinct from :algorithm_version
                )
            )
        )
    );

-- name: submissions_hidden
-- Whether row-level security hides submissions of which there are fingerprints: these are deleted with
-- their submission, so that one which is not seen is there all the same.
select
    case
        when row_security_active('payment_submissions') then exists (
            select
            from image_fingerprints as known
            where not exists (
                select
                from payment_submissions as submission
                where submission.id = known.payment_submission_id
            )
        )
        else false
    end as hidden;

-- == Batches (source.py, store/plans.py) =======================================================

-- name: run_progress
-- What became of the submissions that a run planned, so far; and of those done how many followed
-- on the first third, in how many seconds. Of a single batch, which is all a third: since the plan.
with planned as (
    select
        batch.planned_at,
        done.analysis_status,
        done.analyzed_at
    from image_signal_batches as batch
    cross join unnest(batch.submission_ids) as planned (submission_id)
    left join payment_image_signals as done
        on done.payment_submission_id = planned.submission_id
        and done.analyzed_at >= batch.planned_at
    where batch.run_id = :run_id
),

third as (
    select
        case
            when min(analyzed_at) < max(analyzed_at)
                then percentile_disc(cast(1.0 / 3 as double precision)) within group (
                    order by analyzed_at
                )
            else min(planned_at)
        end as ended_at
    from planned
)

select
    count(*) as planned,
    count(*) filter (where planned.analysis_status = 'completed') as completed,
    count(*) filter (where planned.analysis_status = 'skipped') as skipped,
    count(*) filter (where planned.analysis_status = 'failed') as failed,
    count(*) filter (where planned.analyzed_at > third.ended_at) as followed,
    cast(
        coalesce(extract(epoch from max(planned.analyzed_at) - third.ended_at), 0)
        as double precision
    ) as followed_s
from planned
cross join third
group by third.ended_at;

-- name: forget_plans
-- Plans of runs that ended long ago.
delete from image_signal_batches
where planned_at < now() - interval '7 days';

-- name: planned_batches
-- Into how many batches a run is planned already; nothing if it is not.
select max(batch_count) as batch_count
from image_signal_batches
where run_id = :run_id;

-- name: plan
-- Divide submissions, in the order given, into batches of one size; the last may be smaller.
insert into image_signal_batches (run_id, batch_number, batch_count, submission_ids)
select
    :run_id,
    (position - 1) / :batch_size + 1,
    :batch_count,
    array_agg(id order by position)
from unnest(cast(:ids as uuid [])) with ordinality as planned (id, position)
group by (position - 1) / :batch_size;

-- name: plan_nothing
-- A run that found nothing to do says so: it is not a run that lost its plan.
insert into image_signal_batches (run_id, batch_number, batch_count, submission_ids)
values (:run_id, 0, 0, '{}');

-- == Signals (store/turns.py, store/signals.py, store/sealed.py) ===============================

-- name: lock_writes
-- One writer at a time, until its transaction ends.
select pg_advisory_xact_lock(hashtextextended('imagesignals:writes', 0)) as locked;

-- name: lock_writes_at_once
-- The same, without waiting: whether it is our turn now.
select pg_try_advisory_xact_lock(hashtextextended('imagesignals:writes', 0)) as locked;

-- name: write_settings
-- Until the end of the transaction or savepoint: how long a lock is waited for; one plan of each
-- statement for all batches, which PostgreSQL would not choose for lists of five; the costs of an
-- SSD, so that a plan made while the tables are small reads by index too; and no compiling of plans.
-- The planner takes the recursion of `related_pictures` for a million rows, and would spend seconds
-- on compiling what then reads a few. With one plan a list that is null for "all" needs `coalesce`:
-- what `or` offers cannot be read by index. The turn of a machine that is gone ends after ten minutes
-- between two statements, in which a batch is compared many times.
select
    set_config('lock_timeout', :lock_timeout, true) as lock_timeout,
    set_config('idle_in_transaction_session_timeout', '10min', true) as idle_timeout,
    set_config('plan_cache_mode', 'force_generic_plan', true) as plan_cache_mode,
    set_config('random_page_cost', '1.1', true) as random_page_cost,
    set_config('jit', 'off', true) as jit;

-- name: save_signals
-- One row a submission. While the picture's address stays the same, a failure never replaces an
-- analysis or a verdict. What was fetched from an address that the submission has no more comes too
-- late for the row of its present one. What could be analysed after all is no failure any more.
-- Returns what was written, the hash that was counted before, and whose copy it was.
with fresh as (
    select *
    from jsonb_to_recordset(cast(:rows as jsonb)) as fresh (
        payment_submission_id uuid,
        image_url text,
        perceptual_hash text,
        exif_available boolean,
        exif_creation_date timestamptz,
        exif_source_type text,
        exif_metadata_stripped boolean,
        exif_editor_detected text,
        metadata_notes text,
        looks_like_screenshot boolean,
        aspect_ratio text,
        resolution_width integer,
        resolution_height integer,
        text_density_score integer,
        screenshot_validity_explanation text,
        analysis_status text,
        analysis_error text,
        failure_kind text
    )
),

written as (
    insert into payment_image_signals as signals (
        payment_submission_id, image_url, perceptual_hash, duplicate_detected,
        exif_available, exif_creation_date, exif_source_type, exif_metadata_stripped,
        exif_editor_detected, metadata_notes, looks_like_screenshot, aspect_ratio,
        resolution_width, resolution_height, text_density_score,
        screenshot_validity_explanation, analyzed_at, analysis_status, analysis_error,
        failure_kind, written_by_pipeline
    )
    select
        fresh.payment_submission_id, fresh.image_url, fresh.perceptual_hash, false,
        fresh.exif_available, fresh.exif_creation_date, fresh.exif_source_type,
        fresh.exif_metadata_stripped, fresh.exif_editor_detected, fresh.metadata_notes,
        fresh.looks_like_screenshot, fresh.aspect_ratio, fresh.resolution_width,
        fresh.resolution_height, fresh.text_density_score,
        fresh.screenshot_validity_explanation,
        coalesce(cast(:analyzed_at as timestamptz), statement_timestamp()),
        fresh.analysis_status, fresh.analysis_error, fresh.failure_kind, true
    from fresh
    join payment_submissions as submission
        on submission.id = fresh.payment_submission_id
        and submission.id = any(cast(:ids as uuid [])) -- how few, the planner cannot see in JSON
    left join payment_image_signals as known
        on known.payment_submission_id = submission.id
        and known.payment_submission_id = any(cast(:ids as uuid []))
    where known.payment_submission_id is null
        or imagesignals_is_current(true, fresh.image_url, submission.screenshot_url)
        or not imagesignals_is_current(
            known.written_by_pipeline, known.image_url, submission.screenshot_url
        )
    order by fresh.payment_submission_id
    on conflict (payment_submission_id) do update set
        image_url = excluded.image_url,
        perceptual_hash = excluded.perceptual_hash,
        -- Links of a picture that stays are settled by `link`; a row that ceases to be an
        -- analysis, or that another program linked by its own hash, begins anew.
        duplicate_detected = signals.duplicate_detected
            and signals.written_by_pipeline
            and excluded.analysis_status = 'completed',
        similar_to_payment_id = case
            when signals.written_by_pipeline and excluded.analysis_status = 'completed'
                then signals.similar_to_payment_id
        end,
        similarity_percentage = case
            when signals.written_by_pipeline and excluded.analysis_status = 'completed'
                then signals.similarity_percentage
        end,
        similarity_explanation = case
            when signals.written_by_pipeline and excluded.analysis_status = 'completed'
                then signals.similarity_explanation
        end,
        exif_available = excluded.exif_available,
        exif_creation_date = excluded.exif_creation_date,
        exif_source_type = excluded.exif_source_type,
        exif_metadata_stripped = excluded.exif_metadata_stripped,
        exif_editor_detected = excluded.exif_editor_detected,
        metadata_notes = excluded.metadata_notes,
        looks_like_screenshot = excluded.looks_like_screenshot,
        aspect_ratio = excluded.aspect_ratio,
        resolution_width = excluded.resolution_width,
        resolution_height = excluded.resolution_height,
        text_density_score = excluded.text_density_score,
        screenshot_validity_explanation = excluded.screenshot_validity_explanation,
        analyzed_at = excluded.analyzed_at,
        analysis_status = excluded.analysis_status,
        analysis_error = excluded.analysis_error,
        failure_kind = excluded.failure_kind,
        written_by_pipeline = true,
        updated_at = now()
    where array_position(array['failed', 'skipped', 'completed'], excluded.analysis_status)
        >= coalesce(
            array_position(array['failed', 'skipped', 'completed'], signals.analysis_status), 0
        )
        or (
            signals.written_by_pipeline -- others spell the address in their own way
            and imagesignals_public_url(signals.image_url) <> excluded.image_url
        )
    returning
        signals.payment_submission_id,
        signals.analysis_status,
        signals.perceptual_hash
),

healed as (
    delete from image_signal_failures as failure
    using written
    where failure.payment_submission_id = written.payment_submission_id
        and failure.payment_submission_id = any(cast(:ids as uuid []))
        and written.analysis_status = 'completed'
)

select
    written.payment_submission_id as id,
    written.analysis_status,
    written.perceptual_hash,
    case when before.analysis_status = 'completed' then before.perceptual_hash end as hash_before,
    case when before.written_by_pipeline then before.similar_to_payment_id end as original_before
from written
-- This statement's snapshot: the row as it was.
left join payment_image_signals as before
    on before.payment_submission_id = written.payment_submission_id
    and before.payment_submission_id = any(cast(:ids as uuid []));

-- name: save_fingerprints
-- What later pictures are compared with.
insert into image_fingerprints as fingerprint (
    payment_submission_id, content_sha256, pixels_sha256, payload, algorithm_version, analyzed_at
)
select
    fresh.payment_submission_id,
    fresh.content_sha256,
    fresh.pixels_sha256,
    fresh.payload,
    fresh.algorithm_version,
    coalesce(cast(:analyzed_at as timestamptz), statement_timestamp())
from unnest(
    cast(:ids as uuid []),
    cast(:contents as bytea []),
    cast(:pixels as bytea []),
    cast(:payloads as bytea []),
    cast(:versions as integer [])
) as fresh (payment_submission_id, content_sha256, pixels_sha256, payload, algorithm_version)
order by fresh.payment_submission_id
on conflict (payment_submission_id) do update set
    content_sha256 = excluded.content_sha256,
    pixels_sha256 = excluded.pixels_sha256,
    payload = excluded.payload,
    thumbnail_forgotten = false,
    algorithm_version = excluded.algorithm_version,
    analyzed_at = excluded.analyzed_at;

-- name: forget_fingerprints
-- Pictures that their submission no longer shows.
delete from image_fingerprints
where payment_submission_id = any(cast(:ids as uuid []));

-- name: forget_withdrawn
-- Our rows whose submission has no screenshot any more, and what is kept of its picture: as if it had
-- never had one.
with withdrawn as (
    select signals.payment_submission_id as id
    from payment_image_signals as signals
    join payment_submissions as submission on submission.id = signals.payment_submission_id
    where signals.written_by_pipeline
        and not imagesignals_has_screenshot(submission.screenshot_url)
),

fingerprints as (
    delete from image_fingerprints as fingerprint
    using withdrawn
    where fingerprint.payment_submission_id = withdrawn.id
),

failures as (
    delete from image_signal_failures as failure
    using withdrawn
    where failure.payment_submission_id = withdrawn.id
)

delete from payment_image_signals as signals
using withdrawn
where signals.payment_submission_id = withdrawn.id;

-- name: save_failures
-- Since when, and when last, a present screenshot could not be analysed. Another address begins
-- anew, and so does an attempt long after `imagesignals_retry_at`: nobody has tried meanwhile.
insert into image_signal_failures as known (payment_submission_id, image_url, failure_kind)
select
    fresh.payment_submission_id,
    fresh.image_url,
    fresh.failure_kind
from jsonb_to_recordset(cast(:rows as jsonb)) as fresh (
    payment_submission_id uuid,
    image_url text,
    failure_kind text
)
join payment_submissions as submission
    on submission.id = fresh.payment_submission_id
    and submission.id = any(cast(:ids as uuid [])) -- as in `save_signals`
where imagesignals_is_current(true, fresh.image_url, submission.screenshot_url)
order by fresh.payment_submission_id
on conflict (payment_submission_id) do update set
    image_url = excluded.image_url,
    failure_kind = excluded.failure_kind,
    failed_since = case
        when
            known.image_url = excluded.image_url
            and excluded.failed_at - known.failed_at
            <= 2 * (known.failed_at - known.failed_since) + interval '2 days'
            then known.failed_since
        else excluded.failed_since
    end,
    failed_at = excluded.failed_at;

-- name: stored_payloads
-- A portion of the payloads, in the order of their submissions' ids.
select
    payment_submission_id as id,
    payload
from image_fingerprints
where length(payload) > 0
    and (cast(:after as uuid) is null or payment_submission_id > cast(:after as uuid))
order by payment_submission_id
limit :row_limit;

-- name: some_sealed_payloads
-- Encrypted payloads among a few that come first by their submissions' ids, which is by chance.
select payload
from (
    select payload
    from image_fingerprints
    where length(payload) > 0
    order by payment_submission_id
    limit 10
) as few
where substring(payload for 1) = cast('\x80' as bytea);

-- name: save_payload
-- The same payload as it is stored from now on.
update image_fingerprints
set payload = :payload
where payment_submission_id = cast(:id as uuid);

-- == The hash index (store/hash_index.py) ======================================================

-- name: count_hashes
-- Count new analyses into the rows of their hashes, which reads no other submission of the hash.
-- Returns the hashes that have no row yet.
with arrival as (
    select
        fresh.perceptual_hash,
        count(*) as uploads,
        min(imagesignals_moment(submission.created_at)) as first_moment,
        (
            array_agg(
                submission.id order by imagesignals_moment(submission.created_at), submission.id
            )
        )[1] as first_id
    from unnest(cast(:ids as uuid []), cast(:hashes as text [])) as fresh (id, perceptual_hash)
    join payment_submissions as submission on submission.id = fresh.id
    group by fresh.perceptual_hash
),

counted as (
    update image_perceptual_hash_index as hash
    set
        upload_count = coalesce(hash.upload_count, 0) + arrival.uploads,
        first_payment_id = case
            when (arrival.first_moment, arrival.first_id)
                < (imagesignals_moment(original.created_at), original.id)
                then arrival.first_id
            else original.id
        end,
        first_uploaded_at = least(
            arrival.first_moment, imagesignals_moment(original.created_at)
        ),
        last_updated_at = now()
    from arrival, payment_submissions as original
    where hash.perceptual_hash = arrival.perceptual_hash and original.id = hash.first_payment_id
    returning hash.perceptual_hash
)

select arrival.perceptual_hash
from arrival
where arrival.perceptual_hash not in (select counted.perceptual_hash from counted);

-- name: index_hashes
-- Write the rows of the index that differ from what the signals say; of all hashes, or of some. What a
-- hash is that only another program has counted, nobody knows better than its row.
with counted as (
    select
        signals.perceptual_hash,
        bool_or(signals.written_by_pipeline) as is_ours,
        cast(count(*) as integer) as upload_count,
        min(imagesignals_moment(submission.created_at)) as first_uploaded_at,
        (
            array_agg(
                submission.id order by imagesignals_moment(submission.created_at), submission.id
            )
        )[1] as first_payment_id
    from payment_image_signals as signals
    join payment_submissions as submission on submission.id = signals.payment_submission_id
    where signals.analysis_status = 'completed'
        and signals.perceptual_hash <> ''
        and signals.perceptual_hash = any(
            coalesce(
                cast(:hashes as text []),
                array(select distinct perceptual_hash from payment_image_signals)
            )
        )
    group by signals.perceptual_hash
)

insert into image_perceptual_hash_index as hash (
    perceptual_hash, hash_algorithm, first_payment_id, first_uploaded_at, upload_count
)
select
    counted.perceptual_hash,
    case when counted.is_ours then 'dhash' else coalesce(known.hash_algorithm, 'dhash') end,
    counted.first_payment_id,
    counted.first_uploaded_at,
    counted.upload_count
from counted
left join image_perceptual_hash_index as known
    on known.perceptual_hash = counted.perceptual_hash
where (known.first_payment_id, known.first_uploaded_at, known.upload_count)
    is distinct from
    (counted.first_payment_id, counted.first_uploaded_at, counted.upload_count)
    or (counted.is_ours and known.hash_algorithm is distinct from 'dhash')
order by counted.perceptual_hash
on conflict (perceptual_hash) do update set
    hash_algorithm = excluded.hash_algorithm,
    first_payment_id = excluded.first_payment_id,
    first_uploaded_at = excluded.first_uploaded_at,
    upload_count = excluded.upload_count,
    last_updated_at = now();

-- name: drop_hashes
-- Rows of the index whose hash no analysed submission has any more; of all hashes, or of some.
delete from image_perceptual_hash_index as hash
where hash.perceptual_hash
    = any(
        coalesce(
            cast(:hashes as text []),
            array(select perceptual_hash from image_perceptual_hash_index)
        )
    )
    and (
        hash.perceptual_hash = ''
        or not exists (
            select
            from payment_image_signals as signals
            where signals.perceptual_hash = hash.perceptual_hash
                and signals.analysis_status = 'completed'
        )
    );

-- == Duplicate links (store/links.py) ==========================================================

-- name: related_pictures
-- The digests of all pictures that a change of the given submissions can concern: theirs, those of
-- the groups they were in, those of copies whose original is gone, and all that are connected.
with recursive touched as (
    select unnest(cast(:ids as uuid [])) as id
    union
    select signals.similar_to_payment_id
    from payment_image_signals as signals
    where signals.payment_submission_id = any(cast(:ids as uuid [])) and signals.written_by_pipeline
),

concerned as (
    select touched.id
    from touched
    union
    select signals.payment_submission_id
    from touched
    join payment_image_signals as signals on signals.similar_to_payment_id = touched.id
    where signals.written_by_pipeline
    union
    select signals.payment_submission_id
    from payment_image_signals as signals
    where signals.duplicate_detected
        and signals.similar_to_payment_id is null
        and signals.written_by_pipeline
),

related (digest, is_pixels) as (
    select
        fingerprint.content_sha256,
        false
    from concerned
    join image_fingerprints as fingerprint on fingerprint.payment_submission_id = concerned.id
    union
    select
        next.digest,
        next.is_pixels
    from related
    cross join lateral (
        select
            fingerprint.pixels_sha256 as digest,
            true as is_pixels
        from image_fingerprints as fingerprint
        where not related.is_pixels
            and fingerprint.content_sha256 = related.digest
            and fingerprint.pixels_sha256 is not null
        union all
        select
            fingerprint.content_sha256,
            false
        from image_fingerprints as fingerprint
        where related.is_pixels and fingerprint.pixels_sha256 = related.digest
        union all
        select
            match.pixels_b,
            true
        from image_matches as match
        where related.is_pixels
            and match.pixels_a = related.digest
            and match.same_picture
            and exists (
                select
                from image_fingerprints as fingerprint
                where fingerprint.pixels_sha256 = match.pixels_b
            )
        union all
        select
            match.pixels_a,
            true
        from image_matches as match
        where related.is_pixels
            and match.pixels_b = related.digest
            and match.same_picture
            and exists (
                select
                from image_fingerprints as fingerprint
                where fingerprint.pixels_sha256 = match.pixels_a
            )
    ) as next
)

select
    related.digest,
    related.is_pixels
from related;

-- name: members
-- Analysed submissions with given contents, and what their rows say now.
select
    submission.id,
    coalesce(cast(submission.flat_id as text), '') as flat_id,
    imagesignals_moment(submission.created_at) as created_at,
    fingerprint.content_sha256,
    fingerprint.pixels_sha256,
    signals.duplicate_detected,
    signals.similar_to_payment_id,
    signals.similarity_percentage,
    signals.similarity_explanation
from image_fingerprints as fingerprint
join payment_image_signals as signals
    on signals.payment_submission_id = fingerprint.payment_submission_id
join payment_submissions as submission on submission.id = fingerprint.payment_submission_id
where fingerprint.content_sha256 = any(:contents)
    and signals.analysis_status = 'completed'
    and signals.written_by_pipeline;

-- name: all_members
-- As `members`, of every submission that shares its picture with another or is linked to one.
with shared_content as (
    select content_sha256
    from image_fingerprints
    group by content_sha256
    having count(*) > 1
),

shared_pixels as (
    select pixels_sha256
    from image_fingerprints
    where pixels_sha256 is not null
    group by pixels_sha256
    having count(*) > 1
    union
    select pixels_a
    from image_matches
    where same_picture
    union
    select pixels_b
    from image_matches
    where same_picture
    union
    select later
    from image_matches
    where altered
),

-- Joined, for a list that does not fit into `work_mem` would be searched once for each row.
concerned as (
    select fingerprint.payment_submission_id
    from shared_content
    join image_fingerprints as fingerprint
        on fingerprint.content_sha256 = shared_content.content_sha256
    union
    select fingerprint.payment_submission_id
    from shared_pixels
    join image_fingerprints as fingerprint
        on fingerprint.pixels_sha256 = shared_pixels.pixels_sha256
    union
    select payment_submission_id
    from payment_image_signals
    where duplicate_detected is distinct from false
        or similar_to_payment_id is not null
        or similarity_percentage is not null
        or similarity_explanation is not null
)

select
    submission.id,
    coalesce(cast(submission.flat_id as text), '') as flat_id,
    imagesignals_moment(submission.created_at) as created_at,
    fingerprint.content_sha256,
    fingerprint.pixels_sha256,
    signals.duplicate_detected,
    signals.similar_to_payment_id,
    signals.similarity_percentage,
    signals.similarity_explanation
from concerned
join image_fingerprints as fingerprint
    on fingerprint.payment_submission_id = concerned.payment_submission_id
join payment_image_signals as signals
    on signals.payment_submission_id = fingerprint.payment_submission_id
join payment_submissions as submission on submission.id = fingerprint.payment_submission_id
where signals.analysis_status = 'completed' and signals.written_by_pipeline;

-- name: matches
-- Comparisons among given pixels: of the same picture, and those that part pictures.
select
    pixels_a,
    pixels_b,
    same_picture,
    similarity_percentage,
    explanation
from image_matches
where (same_picture or parted)
    and pixels_a = any(cast(:pixels as bytea []))
    and pixels_b = any(cast(:pixels as bytea []));

-- name: all_matches
-- The same of all pixels; one that parts counts only between pictures that are each like some other.
with alike as (
    select pixels_a as pixels
    from image_matches
    where same_picture
    union
    select pixels_b
    from image_matches
    where same_picture
)

select
    known.pixels_a,
    known.pixels_b,
    known.same_picture,
    known.similarity_percentage,
    known.explanation
from image_matches as known
join alike as alike_a on alike_a.pixels = known.pixels_a
join alike as alike_b on alike_b.pixels = known.pixels_b
where known.same_picture or known.parted;

-- name: altered_copies
-- Of given pixels, or of all if none are given: those that agree with an earlier picture except in
-- one place, and the first submission of that picture; of several, of the likest.
select distinct on (known.later)
    known.later,
    coalesce(cast(submission.flat_id as text), '') as flat_id,
    imagesignals_moment(submission.created_at) as created_at
from image_matches as known
join image_pictures as earlier
    on earlier.pixels_sha256
        = case when known.later = known.pixels_a then known.pixels_b else known.pixels_a end
join payment_submissions as submission on submission.id = earlier.first_id
where known.altered
    and known.later
    = any(
        coalesce(
            cast(:pixels as bytea []), array(select later from image_matches where altered)
        )
    )
order by
    known.later,
    known.similarity_percentage desc,
    imagesignals_moment(submission.created_at),
    submission.id;

-- name: save_links
-- Mark copies and unmark what is none; rows that say so already stay as they are.
update payment_image_signals as signals
set
    duplicate_detected = fresh.similar_to_payment_id is not null,
    similar_to_payment_id = fresh.similar_to_payment_id,
    similarity_percentage = fresh.similarity_percentage,
    similarity_explanation = fresh.similarity_explanation,
    updated_at = now()
from jsonb_to_recordset(cast(:rows as jsonb)) as fresh (
    payment_submission_id uuid,
    similar_to_payment_id uuid,
    similarity_percentage integer,
    similarity_explanation text
)
where signals.payment_submission_id = fresh.payment_submission_id
    and signals.payment_submission_id = any(cast(:ids as uuid [])) -- as in `save_signals`
    and signals.written_by_pipeline
    and (
        signals.duplicate_detected,
        signals.similar_to_payment_id,
        signals.similarity_percentage,
        signals.similarity_explanation
    ) is distinct from (
        fresh.similar_to_payment_id is not null,
        fresh.similar_to_payment_id,
        fresh.similarity_percentage,
        fresh.similarity_explanation
    );

-- == Schema (sql/schema.py) ====================================================================

-- name: server
-- What the migrations need to know about the server and about whom they run as.
select
    cast(current_setting('server_version_num') as integer) as version_number,
    current_setting('server_version') as version,
    current_setting('search_path') as search_path,
    current_schema() as current_schema;

-- name: submissions_table
-- The table that holds the submissions, and whether its ids are what we need.
select
    pg_namespace.nspname as schema_name,
    (
        select bool_and(
            has_column_privilege(pg_attribute.attrelid, pg_attribute.attnum, 'select')
        )
        from pg_attribute
        where pg_attribute.attrelid = pg_class.oid
            and not pg_attribute.attisdropped
            and pg_attribute.attname in ('id', 'flat_id', 'screenshot_url', 'created_at')
    ) as readable,
    (
        select array_agg(pg_attribute.attname || ' ' || format_type(pg_attribute.atttypid, null))
        from pg_attribute
        where pg_attribute.attrelid = pg_class.oid
            and pg_attribute.attnum > 0
            and not pg_attribute.attisdropped
            and pg_attribute.attname in ('id', 'flat_id', 'screenshot_url', 'created_at')
    ) as columns
from pg_class
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_class.oid = to_regclass('payment_submissions');

-- name: all_rows_hidden
-- Whether row-level security applies to this role, and lets it see no submission at all.
select
    row_security_active('payment_submissions')
    and not exists (select from payment_submissions) as all_rows_hidden;

-- name: tables_elsewhere
-- Tables of the application that the search path finds in another schema than the submissions.
select format('%I.%I', pg_namespace.nspname, pg_class.relname) as name
from pg_class
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_class.oid
    in (to_regclass('payment_image_signals'), to_regclass('image_perceptual_hash_index'))
    and pg_namespace.nspname <> :schema_name
order by 1;

-- name: open_tables
-- Which of the application's two tables Supabase's API shows whole, as far as grants allow.
select relname
from pg_class
where oid in (to_regclass('payment_image_signals'), to_regclass('image_perceptual_hash_index'))
    and not relrowsecurity
    and exists (select from pg_roles where rolname in ('anon', 'authenticated'))
order by relname;

-- name: column_exists
-- Whether a table of the search path has a column.
select exists (
    select
    from pg_attribute
    where attrelid = to_regclass(:relation) and attname = :attribute and not attisdropped
) as column_exists;

-- name: columns_that_forbid_null
-- Columns of the signals that demand a value although we may have none: of ours all but those that
-- are always filled, of others those without a default.
select attname
from pg_attribute
where attrelid = to_regclass('payment_image_signals')
    and attnum > 0
    and not attisdropped
    and attnotnull
    and attname <> all(cast(:filled as text []))
    and (attname = any(cast(:ours as text [])) or not atthasdef and attidentity = '')
order by attnum;

-- name: relation_exists
-- Whether the search path leads to a table.
select to_regclass(:relation) is not null as relation_exists;

-- name: lock_migrations
-- One migration at a time.
select pg_advisory_xact_lock(hashtextextended('imagesignals:migrations', 0)) as locked;

-- name: set_locally
-- A setting until the end of the transaction.
select set_config(:setting, :setting_value, true) as setting_value;

-- name: create_migrations
-- Which migrations this database has.
create table imagesignals_migrations (
    number integer primary key,
    name text not null,
    applied_at timestamptz not null default now()
);

-- name: applied_migrations
-- Numbers of the migrations that this database has.
select number
from imagesignals_migrations
order by number;

-- name: record_migration
-- A migration is done; it commits with what it did.
insert into imagesignals_migrations (number, name)
values (:number, :migration_name);

-- name: superseded_rows
-- How many second rows of a submission were moved aside.
select count(*) as superseded_rows
from payment_image_signals_superseded;

-- name: broken_rules
-- How many rows break what the migrations ask for; only adopted ones can.
select
    count(*) filter (where similarity_percentage not between 0 and 100) as similarity_percentage,
    count(*) filter (where text_density_score not between 0 and 100) as text_density_score,
    count(*) filter (
        where analysis_status not in ('pending', 'processing', 'completed', 'failed', 'skipped')
    ) as analysis_status,
    count(*) filter (where similar_to_payment_id = payment_submission_id) as own_copy,
    count(*) filter (
        where not exists (
            select
            from payment_submissions as submission
            where submission.id = payment_submission_id
        )
    ) as missing_submission,
    count(*) filter (
        where similar_to_payment_id is not null
        and not exists (
            select
            from payment_submissions as submission
            where submission.id = similar_to_payment_id
        )
    ) as missing_original
from payment_image_signals;

-- == Verification (verify.py) ==================================================================
-- A check returns one row of numbers; `broken` counts what must not be.

-- name: failures_by_kind
-- Failed and skipped rows by their reason; rows of another program have none.
select
    coalesce(failure_kind, 'unknown') as kind,
    count(*) as rows_of_kind
from payment_image_signals
where analysis_status in ('failed', 'skipped')
group by kind
order by rows_of_kind desc, kind;

-- name: check_every_submission_accounted_for
-- Submissions with a screenshot and without a finished row.
select
    count(*) filter (
        where imagesignals_waits(signals.analysis_status, signals.failure_kind, null)
    ) as broken,
    count(*) as submissions_with_screenshot,
    coalesce(
        100 * count(*) filter (
            where not imagesignals_waits(signals.analysis_status, signals.failure_kind, null)
        ) / nullif(count(*), 0),
        0
    ) as coverage_percent
from payment_submissions as submission
left join payment_image_signals as signals
    on signals.payment_submission_id = submission.id
    and imagesignals_is_current(
        signals.written_by_pipeline, signals.image_url, submission.screenshot_url
    )
where imagesignals_has_screenshot(submission.screenshot_url);

-- name: check_all_submissions_visible
-- Whether row-level security applies to this role, and lets it see nothing at all, or not all.
select
    case
        when row_security_active('payment_submissions')
            then greatest(cast(visible.submissions = 0 as integer), hidden.submissions)
        else 0
    end as broken,
    visible.submissions as submissions_visible
from (select count(*) as submissions from payment_submissions) as visible
cross join (
    select count(*) as submissions
    from image_fingerprints as known
    left join payment_submissions as submission on submission.id = known.payment_submission_id
    where submission.id is null
) as hidden;

-- name: check_one_row_per_submission
-- Rows beyond the first of their submission.
select
    count(payment_submission_id) - count(distinct payment_submission_id) as broken,
    count(*) as signals_rows
from payment_image_signals;

-- name: check_no_dangling_links
-- Links to submissions that do not exist.
select
    signals.missing_submission
    + signals.missing_original
    + hashes.missing_first_submission as broken,
    signals.missing_submission,
    signals.missing_original,
    hashes.missing_first_submission,
    signals.signals_rows
from (
    select
        count(*) as signals_rows,
        count(*) filter (where submission.id is null) as missing_submission,
        count(*) filter (
            where signals.similar_to_payment_id is not null and original.id is null
        ) as missing_original
    from payment_image_signals as signals
    left join payment_submissions as submission on submission.id = signals.payment_submission_id
    left join payment_submissions as original on original.id = signals.similar_to_payment_id
) as signals
cross join (
    select count(*) as missing_first_submission
    from image_perceptual_hash_index as hash
    left join payment_submissions as submission on submission.id = hash.first_payment_id
    where submission.id is null
) as hashes;

-- name: check_no_self_duplicates
-- Rows that name themselves as their original.
select
    count(*) filter (where similar_to_payment_id = payment_submission_id) as broken,
    count(*) filter (where duplicate_detected) as duplicates
from payment_image_signals;

-- name: check_duplicates_have_an_original
-- Of the pipeline's rows: copies without an original, or whose original is a copy itself, is not
-- analysed, or is not earlier; and links of rows that are no copies.
select
    count(*) filter (
        where signals.duplicate_detected
        and (
            original.id is null
            or original_signals.analysis_status is distinct from 'completed'
            or coalesce(original_signals.duplicate_detected, true)
            or (imagesignals_moment(original.created_at), original.id)
            >= (imagesignals_moment(submission.created_at), submission.id)
            or signals.similarity_percentage is null
            or coalesce(signals.similarity_explanation, '') = ''
            or signals.similarity_explanation like 'No duplicate:%'
        )
        or (
            not coalesce(signals.duplicate_detected, false)
            and signals.similar_to_payment_id is not null
        )
    ) as broken,
    count(*) filter (where signals.duplicate_detected) as duplicates
from payment_image_signals as signals
join payment_submissions as submission on submission.id = signals.payment_submission_id
left join payment_submissions as original on original.id = signals.similar_to_payment_id
left join payment_image_signals as original_signals
    on original_signals.payment_submission_id = original.id
where signals.written_by_pipeline;

-- name: check_copies_are_marked
-- Of the pipeline's rows: those with the bytes or pixels of an earlier one that say otherwise.
with pictures as (
    select
        coalesce(signals.duplicate_detected, false) as marked,
        row_number() over (
            partition by fingerprint.content_sha256
            order by imagesignals_moment(submission.created_at), submission.id
        ) as place_by_content,
        case
            when fingerprint.pixels_sha256 is null then 1
            else row_number() over (
                partition by fingerprint.pixels_sha256
                order by imagesignals_moment(submission.created_at), submission.id
            )
        end as place_by_pixels
    from image_fingerprints as fingerprint
    join payment_image_signals as signals
        on signals.payment_submission_id = fingerprint.payment_submission_id
    join payment_submissions as submission on submission.id = fingerprint.payment_submission_id
    where signals.analysis_status = 'completed' and signals.written_by_pipeline
)

select
    count(*) filter (
        where (place_by_content > 1 or place_by_pixels > 1) and not marked
    ) as broken,
    count(*) filter (where place_by_content > 1 or place_by_pixels > 1) as identical_copies
from pictures;

-- name: check_index_matches_signals
-- Hashes whose row is missing, wrong or left over.
with counted as (
    select
        signals.perceptual_hash,
        count(*) as upload_count,
        (
            array_agg(
                submission.id order by imagesignals_moment(submission.created_at), submission.id
            )
        )[1] as first_payment_id
    from payment_image_signals as signals
    join payment_submissions as submission on submission.id = signals.payment_submission_id
    where signals.analysis_status = 'completed' and signals.perceptual_hash <> ''
    group by signals.perceptual_hash
)

select
    count(*) filter (
        where counted.perceptual_hash is null
        or hash.perceptual_hash is null
        or (hash.upload_count, hash.first_payment_id)
        is distinct from (counted.upload_count, counted.first_payment_id)
    ) as broken,
    count(counted.perceptual_hash) as distinct_hashes,
    count(hash.perceptual_hash) as index_rows
from counted
full join image_perceptual_hash_index as hash
    on hash.perceptual_hash = counted.perceptual_hash;

-- name: check_completed_rows_are_whole
-- Of the pipeline's analysed rows: those without a hash or a fingerprint.
select
    count(*) filter (
        where coalesce(signals.perceptual_hash, '') = '' or fingerprint.content_sha256 is null
    ) as broken,
    count(*) as analysed_rows
from payment_image_signals as signals
left join image_fingerprints as fingerprint
    on fingerprint.payment_submission_id = signals.payment_submission_id
where signals.analysis_status = 'completed' and signals.written_by_pipeline;

-- name: check_failures_have_a_reason
-- Of the pipeline's failed and skipped rows: those without a sentence or a kind, and those that
-- somebody else wrote, who may write this table and not that of the failures. (What failed under an
-- address that was corrected meanwhile is on no record, and waits.)
select
    count(*) filter (
        where coalesce(btrim(signals.analysis_error), '') = ''
            or signals.failure_kind is null
            or (
                failure.payment_submission_id is null
                and imagesignals_is_current(true, signals.image_url, submission.screenshot_url)
            )
    ) as broken,
    count(*) as failed_or_skipped_rows
from payment_image_signals as signals
join payment_submissions as submission on submission.id = signals.payment_submission_id
left join image_signal_failures as failure
    on failure.payment_submission_id = signals.payment_submission_id
where signals.analysis_status in ('failed', 'skipped') and signals.written_by_pipeline;

-- name: check_failure_rate
-- Failed rows above what is tolerated of all finished rows, or of those of the last days where they are
-- enough to tell. What was no image counts: a storage that answers with web pages looks like that.
select
    greatest(
        failed + not_an_image - cast(floor(finished * cast(:max_failure_rate as numeric)) as bigint),
        case
            when recent_finished >= :enough_recent
                then recent_failed
                    - cast(floor(recent_finished * cast(:max_failure_rate as numeric)) as bigint)
            else 0
        end,
        0
    ) as broken,
    failed,
    skipped,
    not_an_image,
    finished,
    coalesce(100 * (failed + not_an_image) / nullif(finished, 0), 0) as failed_percent,
    recent_failed,
    recent_finished,
    coalesce(100 * recent_failed / nullif(recent_finished, 0), 0) as recent_failed_percent
from (
    select
        count(*) filter (where analysis_status = 'failed') as failed,
        count(*) filter (where analysis_status = 'skipped') as skipped,
        count(*) filter (where state.is_no_image) as not_an_image,
        count(*) as finished,
        count(*) filter (
            where state.is_recent and (analysis_status = 'failed' or state.is_no_image)
        ) as recent_failed,
        count(*) filter (where state.is_recent) as recent_finished
    from payment_image_signals
    cross join lateral (
        select
            analysis_status = 'skipped' and failure_kind is not distinct from 'not_an_image'
            as is_no_image,
            analyzed_at >= now() - make_interval(days => :recent_days) as is_recent
    ) as state
    where analysis_status in ('completed', 'failed', 'skipped')
) as counted;

-- name: check_pictures_can_be_compared
-- Analysed rows whose picture this version does not know: of another program, or of an older version.
-- What was tried again in vain is counted apart: it cannot be analysed anew while it is out of reach.
select
    count(*) filter (
        where fingerprint.algorithm_version is distinct from :algorithm_version
        and failure.payment_submission_id is null
    ) as broken,
    count(*) filter (
        where fingerprint.algorithm_version is distinct from :algorithm_version
        and failure.payment_submission_id is not null
    ) as out_of_reach,
    count(*) as analysed_rows
from payment_image_signals as signals
join payment_submissions as submission on submission.id = signals.payment_submission_id
left join image_fingerprints as fingerprint
    on fingerprint.payment_submission_id = signals.payment_submission_id
left join image_signal_failures as failure
    on failure.payment_submission_id = signals.payment_submission_id
    and failure.image_url = imagesignals_public_url(submission.screenshot_url)
where signals.analysis_status = 'completed'
    and imagesignals_has_screenshot(submission.screenshot_url);

-- name: check_late_pictures_are_compared
-- Pictures that have yet to be compared anew, because earlier ones came after them.
select
    (
        select count(*)
        from image_rechecks
    ) as broken,
    count(*) as analysed_rows
from payment_image_signals
where analysis_status = 'completed';

-- name: check_adopted_rows_keep_the_rules
-- Rows of another program that break a rule of the migrations, or are a copy of nothing.
select
    count(*) filter (
        where similarity_percentage not between 0 and 100
        or text_density_score not between 0 and 100
        or coalesce(analysis_status, '')
        not in ('pending', 'processing', 'completed', 'failed', 'skipped')
        or (duplicate_detected and similar_to_payment_id is null)
    ) as broken,
    count(*) as adopted_rows
from payment_image_signals
where not written_by_pipeline;

-- name: signals_digest
-- One value for all that the signals mean; times of writing and row ids mean nothing.
select encode(
    sha256(
        coalesce(
            string_agg(
                sha256(
                    convert_to(
                        jsonb_build_array(
                            payment_submission_id, image_url, perceptual_hash,
                            duplicate_detected, similar_to_payment_id, similarity_percentage,
                            similarity_explanation, exif_available,
                            exif_creation_date at time zone 'UTC', exif_source_type,
                            exif_metadata_stripped, exif_editor_detected, metadata_notes,
                            looks_like_screenshot, aspect_ratio, resolution_width,
                            resolution_height, text_density_score,
                            screenshot_validity_explanation, analysis_status, analysis_error,
                            failure_kind, written_by_pipeline
                        )::text,
                        'UTF8'
                    )
                ),
                ''::bytea
                order by payment_submission_id, id
            ),
            ''::bytea
        )
    ),
    'hex'
) as digest
from payment_image_signals;

-- name: index_digest
-- One value for all that the hash index means.
select encode(
    sha256(
        coalesce(
            string_agg(
                sha256(
                    convert_to(
                        jsonb_build_array(
                            perceptual_hash, hash_algorithm, first_payment_id,
                            first_uploaded_at at time zone 'UTC', upload_count
                        )::text,
                        'UTF8'
                    )
                ),
                ''::bytea
                order by perceptual_hash collate "C"
            ),
            ''::bytea
        )
    ),
    'hex'
) as digest
from image_perceptual_hash_index;

-- == Pictures and comparisons (store/pictures.py) ==============================================

-- name: changed_pictures
-- Pictures whose first submission is not the one remembered: new, moved or gone. `is_new` says
-- whether this version has yet to describe what it is compared by, `remembered` whether any version
-- left a trace of the picture. The earliest come first, so that portions of many are settled in the
-- order of submission.
with shown as (
    select distinct on (fingerprint.pixels_sha256)
        fingerprint.pixels_sha256,
        imagesignals_moment(submission.created_at) as first_created_at,
        submission.id as first_id,
        fingerprint.payload
    from image_fingerprints as fingerprint
    join payment_submissions as submission on submission.id = fingerprint.payment_submission_id
    where fingerprint.pixels_sha256 is not null
        and fingerprint.algorithm_version = :algorithm_version
        and (length(fingerprint.payload) > 0 or fingerprint.thumbnail_forgotten)
    order by fingerprint.pixels_sha256, imagesignals_moment(submission.created_at), submission.id
),

known as (
    select *
    from image_pictures
    where algorithm_version = :algorithm_version
)

select
    coalesce(shown.pixels_sha256, known.pixels_sha256) as pixels,
    shown.first_created_at,
    shown.first_id,
    known.first_created_at as known_created_at,
    known.first_id as known_id,
    (known.pixels_sha256 is null and length(shown.payload) > 0) as is_new,
    true as remembered -- perhaps: to look for each would cost more than it spares
from shown
full join known on known.pixels_sha256 = shown.pixels_sha256
where shown.first_id is distinct from known.first_id
    or shown.first_created_at is distinct from known.first_created_at
order by shown.first_created_at, shown.first_id, 1
limit :row_limit;

-- name: changed_pictures_of
-- The same of the pictures alone that the given submissions show or showed.
with concerned as (
    select fingerprint.pixels_sha256
    from image_fingerprints as fingerprint
    where fingerprint.payment_submission_id = any(cast(:ids as uuid []))
        and fingerprint.pixels_sha256 is not null
    union
    select known.pixels_sha256
    from image_pictures as known
    where known.first_id = any(cast(:ids as uuid []))
)

select
    concerned.pixels_sha256 as pixels,
    shown.first_created_at,
    shown.first_id,
    known.first_created_at as known_created_at,
    known.first_id as known_id,
    (known.pixels_sha256 is null and length(shown.payload) > 0) as is_new,
    (
        exists (select from image_pictures where pixels_sha256 = concerned.pixels_sha256)
        or exists (select from image_matches where pixels_a = concerned.pixels_sha256)
        or exists (select from image_matches where pixels_b = concerned.pixels_sha256)
    ) as remembered
from concerned
left join lateral (
    select
        imagesignals_moment(submission.created_at) as first_created_at,
        submission.id as first_id,
        fingerprint.payload
    from image_fingerprints as fingerprint
    join payment_submissions as submission on submission.id = fingerprint.payment_submission_id
    where fingerprint.pixels_sha256 = concerned.pixels_sha256
        and fingerprint.algorithm_version = :algorithm_version
        and (length(fingerprint.payload) > 0 or fingerprint.thumbnail_forgotten)
    order by imagesignals_moment(submission.created_at), submission.id
    limit 1
) as shown on true
left join image_pictures as known
    on known.pixels_sha256 = concerned.pixels_sha256
    and known.algorithm_version = :algorithm_version
where shown.first_id is distinct from known.first_id
    or shown.first_created_at is distinct from known.first_created_at
order by shown.first_created_at, shown.first_id, 1
limit :row_limit;

-- name: save_pictures
-- Remember where pictures stand in the order of submission. Without a descriptor the known one stays.
insert into image_pictures as picture (
    pixels_sha256, first_created_at, first_id, algorithm_version, descriptor
)
select
    decode(fresh.pixels, 'hex'),
    fresh.first_created_at,
    fresh.first_id,
    :algorithm_version,
    decode(fresh.descriptor, 'base64')
from jsonb_to_recordset(cast(:rows as jsonb)) as fresh (
    pixels text,
    first_created_at timestamptz,
    first_id uuid,
    descriptor text
)
order by fresh.pixels
on conflict (pixels_sha256) do update set
    first_created_at = excluded.first_created_at,
    first_id = excluded.first_id,
    algorithm_version = excluded.algorithm_version,
    descriptor = case
        when length(excluded.descriptor) > 0 then excluded.descriptor else picture.descriptor
    end
returning
    number,
    pixels_sha256 as pixels,
    first_created_at,
    first_id,
    worst_score;

-- name: forget_gone_pictures
-- Those of the given pictures that have no first submission any more.
delete from image_pictures
where pixels_sha256 = any(cast(:pixels as bytea [])) and first_id is null;

-- name: strays
-- Pictures of another version that nobody shows any more: this version, which has yet to see them, would
-- not notice that they went.
select known.number
from image_pictures as known
where known.algorithm_version <> :algorithm_version
    and not exists (
        select
        from image_fingerprints as fingerprint
        where fingerprint.pixels_sha256 = known.pixels_sha256
    )
limit :row_limit;

-- name: forget_strays
-- What describes the given pictures.
delete from image_pictures
where number = any(cast(:numbers as integer []));

-- name: payloads
-- What pictures are compared by, one row a picture; none where thumbnails are forgotten. Of those
-- that are held already nothing is sent, of the others as many bytes as are wanted: but an encrypted
-- payload, which begins with 0x80, can only be read whole.
select distinct on (fingerprint.pixels_sha256)
    fingerprint.pixels_sha256 as pixels,
    case
        when wanted.is_held then null
        when cast(:most as integer) is null or substring(fingerprint.payload for 1) = '\x80'
            then fingerprint.payload
        else substring(fingerprint.payload for cast(:most as integer))
    end as payload
from unnest(cast(:pixels as bytea []), cast(:held as boolean [])) as wanted (pixels, is_held)
join image_fingerprints as fingerprint on fingerprint.pixels_sha256 = wanted.pixels
where fingerprint.algorithm_version = :algorithm_version
    and length(fingerprint.payload) > 0
order by fingerprint.pixels_sha256, fingerprint.payment_submission_id;

-- name: overdue_thumbnails
-- Old submissions whose thumbnail may go: their picture has been compared, and nothing waits that has
-- yet to be compared with it. What was tried in vain is not waited for; its thumbnail of an older
-- version is compared with nothing any more.
select old.payment_submission_id as id
from image_fingerprints as old
join payment_submissions as submission on submission.id = old.payment_submission_id
left join image_pictures as picture
    on picture.pixels_sha256 = old.pixels_sha256
    and picture.algorithm_version = :algorithm_version
left join image_signal_failures as in_vain
    on in_vain.payment_submission_id = old.payment_submission_id
    and in_vain.image_url = imagesignals_public_url(submission.screenshot_url)
where length(old.payload) > 0
    and case
        when old.algorithm_version = :algorithm_version then picture.number is not null
        else in_vain.failure_kind is not null
    end
    and imagesignals_moment(coalesce(submission.created_at, old.analyzed_at))
    < now() - make_interval(days => cast(:days as integer))
    and not exists (
        select
        from payment_submissions as waiting
        left join payment_image_signals as signals
            on signals.payment_submission_id = waiting.id
            and imagesignals_is_current(
                signals.written_by_pipeline, signals.image_url, waiting.screenshot_url
            )
        where imagesignals_has_screenshot(waiting.screenshot_url)
            and imagesignals_waits(signals.analysis_status, signals.failure_kind, null)
    )
    and not exists (
        select
        from payment_image_signals as signals
        join payment_submissions as outdated on outdated.id = signals.payment_submission_id
        left join image_fingerprints as fingerprint
            on fingerprint.payment_submission_id = outdated.id
        left join image_signal_failures as failure
            on failure.payment_submission_id = outdated.id
            and failure.image_url = imagesignals_public_url(outdated.screenshot_url)
        where imagesignals_has_screenshot(outdated.screenshot_url)
            and signals.analysis_status = 'completed'
            and fingerprint.algorithm_version is distinct from :algorithm_version
            and failure.failure_kind is null
    )
    and not exists (select from image_rechecks)
limit :row_limit;

-- name: forget_thumbnails
-- Empty the payloads of the given submissions.
update image_fingerprints
set payload = '', thumbnail_forgotten = true
where payment_submission_id = any(cast(:ids as uuid []));

-- name: comparisons
-- What is known of pairs with the given pictures.
select
    pixels_a,
    pixels_b,
    same_picture,
    similarity_percentage,
    explanation,
    later,
    parted,
    altered
from image_matches
where algorithm_version = :algorithm_version
    and (pixels_a = any(cast(:pixels as bytea [])) or pixels_b = any(cast(:pixels as bytea [])));

-- name: forget_comparisons
-- Pairs that the given pictures, as the later ones, name no more. What an older version found out
-- about a picture that this one has not seen yet is kept until it has.
delete from image_matches as known
where known.later = any(cast(:pixels as bytea []))
    and (
        known.algorithm_version = :algorithm_version
        or exists (
            select
            from image_pictures as other
            where other.pixels_sha256
                = case when known.later = known.pixels_a then known.pixels_b else known.pixels_a end
                and other.algorithm_version = :algorithm_version
        )
    );

-- name: forget_outdated_comparisons
-- Pairs of an older version in which the given pictures are the earlier ones, once this version has
-- seen both: it compares them itself, if they are candidates.
delete from image_matches as known
using image_pictures as later
where known.algorithm_version <> :algorithm_version
    and (
        known.pixels_a = any(cast(:pixels as bytea []))
        or known.pixels_b = any(cast(:pixels as bytea []))
    )
    and known.later <> all(cast(:pixels as bytea []))
    and later.pixels_sha256 = known.later
    and later.algorithm_version = :algorithm_version;

-- name: save_comparisons
-- Pairs that were compared.
insert into image_matches as known (
    pixels_a, pixels_b, same_picture, similarity_percentage, explanation, algorithm_version, later,
    parted, altered
)
select
    decode(fresh.pixels_a, 'hex'),
    decode(fresh.pixels_b, 'hex'),
    fresh.same_picture,
    fresh.similarity_percentage,
    fresh.explanation,
    :algorithm_version,
    decode(fresh.later, 'hex'),
    fresh.parted,
    fresh.altered
from jsonb_to_recordset(cast(:rows as jsonb)) as fresh (
    pixels_a text,
    pixels_b text,
    same_picture boolean,
    similarity_percentage integer,
    explanation text,
    later text,
    parted boolean,
    altered boolean
)
order by fresh.pixels_a, fresh.pixels_b
on conflict (pixels_a, pixels_b) do update set
    same_picture = excluded.same_picture,
    similarity_percentage = excluded.similarity_percentage,
    explanation = excluded.explanation,
    algorithm_version = excluded.algorithm_version,
    later = excluded.later,
    parted = excluded.parted,
    altered = excluded.altered;

-- name: save_worst_scores
-- How alike the least of each picture's candidates is.
update image_pictures as picture
set worst_score = fresh.worst_score
from jsonb_to_recordset(cast(:rows as jsonb)) as fresh (pixels text, worst_score real)
where picture.pixels_sha256 = decode(fresh.pixels, 'hex')
    and picture.worst_score is distinct from fresh.worst_score;

-- == What there is to do, by month (backlog.py) ================================================
-- `mark` is another one as soon as something else waits: a run that leaves it as it was did nothing.

-- name: backlog_pending
-- Submissions without signals, or with those of another screenshot.
select
    cast(
        date_trunc('month', imagesignals_moment(submission.created_at) at time zone 'UTC') as date
    ) as month,
    count(*) as waiting,
    hashtextextended(
        string_agg(
            submission.id || imagesignals_public_url(submission.screenshot_url),
            ' '
            order by submission.id
        ),
        0
    ) as mark
from payment_submissions as submission
left join payment_image_signals as signals
    on signals.payment_submission_id = submission.id
    and imagesignals_is_current(
        signals.written_by_pipeline, signals.image_url, submission.screenshot_url
    )
where imagesignals_has_screenshot(submission.screenshot_url)
    and imagesignals_waits(signals.analysis_status, signals.failure_kind, null)
group by month
order by month;

-- name: backlog_due
-- Failed submissions whose pause is over; see `due`.
select
    cast(
        date_trunc('month', imagesignals_moment(submission.created_at) at time zone 'UTC') as date
    ) as month,
    count(*) as waiting,
    hashtextextended(
        string_agg(
            submission.id || coalesce(cast(failure.failed_at as text), ''),
            ' '
            order by submission.id
        ),
        0
    ) as mark
from payment_submissions as submission
join payment_image_signals as signals on signals.payment_submission_id = submission.id
left join image_signal_failures as failure on failure.payment_submission_id = submission.id
where imagesignals_has_screenshot(submission.screenshot_url)
    and signals.analysis_status = 'failed'
    and imagesignals_waits(
        signals.analysis_status, signals.failure_kind, cast(:retried_kinds as text [])
    )
    and coalesce(imagesignals_retry_at(failure.failed_since, failure.failed_at) <= now(), true)
group by month
order by month;

-- name: backlog_outdated
-- Pictures that this version cannot compare; see `outdated`.
select
    cast(
        date_trunc('month', imagesignals_moment(submission.created_at) at time zone 'UTC') as date
    ) as month,
    count(*) as waiting,
    hashtextextended(
        string_agg(
            submission.id || coalesce(cast(failure.failed_at as text), ''),
            ' '
            order by submission.id
        ),
        0
    ) as mark
from payment_submissions as submission
join payment_image_signals as signals on signals.payment_submission_id = submission.id
left join image_fingerprints as fingerprint on fingerprint.payment_submission_id = submission.id
left join image_signal_failures as failure
    on failure.payment_submission_id = submission.id
    and failure.image_url = imagesignals_public_url(submission.screenshot_url)
where imagesignals_has_screenshot(submission.screenshot_url)
    and signals.analysis_status = 'completed'
    and fingerprint.algorithm_version is distinct from :algorithm_version
    and (
        failure.failure_kind is null
        or (
            failure.failure_kind = any(cast(:retried_kinds as text []))
            and imagesignals_retry_at(failure.failed_since, failure.failed_at) <= now()
        )
    )
group by month
order by month;

-- name: unsettled
-- Copies whose original is gone or comes after them, rows that another program linked, and those whose
-- link it took away (as far as the pixels tell); submissions whose screenshot was taken away; pictures
-- whose first submission is gone or was dated anew or that are to be compared anew; and uploads that
-- the hash index counts too many or too few.
select
    links.links_amiss,
    withdrawn.screenshots_withdrawn,
    moved.pictures_moved + rechecks.pictures as pictures_moved,
    signals.hashes - hashes.uploads as uploads_miscounted,
    hashtextextended(
        concat_ws(
            ' ',
            links.ids,
            withdrawn.ids,
            moved.ids,
            rechecks.pictures,
            rechecks.numbers,
            signals.hashes,
            hashes.uploads
        ),
        0
    ) as mark
from (
    select
        count(*) as links_amiss,
        string_agg(cast(copy.id as text), ' ' order by copy.id) as ids
    from payment_image_signals as signals
    join payment_submissions as copy on copy.id = signals.payment_submission_id
    left join payment_submissions as original on original.id = signals.similar_to_payment_id
    left join payment_image_signals as original_signals
        on original_signals.payment_submission_id = signals.similar_to_payment_id
    left join image_fingerprints as fingerprint on fingerprint.payment_submission_id = copy.id
    left join image_pictures as picture
        on picture.pixels_sha256 = fingerprint.pixels_sha256
        and picture.algorithm_version = :algorithm_version
    where signals.written_by_pipeline
        and case
            when signals.duplicate_detected
                then original.id is null
                    or (imagesignals_moment(copy.created_at), copy.id)
                    < (imagesignals_moment(original.created_at), original.id)
                    or original_signals.analysis_status is distinct from 'completed'
                    or coalesce(original_signals.duplicate_detected, true)
                    or signals.similarity_percentage is null
                    or coalesce(signals.similarity_explanation, '') = ''
                    or signals.similarity_explanation like 'No duplicate:%'
            else signals.similar_to_payment_id is not null
                or (
                    signals.analysis_status = 'completed'
                    and (picture.first_created_at, picture.first_id)
                    < (imagesignals_moment(copy.created_at), copy.id)
                )
        end
) as links
cross join (
    select
        count(*) as screenshots_withdrawn,
        string_agg(cast(submission.id as text), ' ' order by submission.id) as ids
    from payment_image_signals as signals
    join payment_submissions as submission on submission.id = signals.payment_submission_id
    where signals.written_by_pipeline
        and not imagesignals_has_screenshot(submission.screenshot_url)
) as withdrawn
cross join (
    select
        count(*) as pictures_moved,
        string_agg(cast(picture.first_id as text), ' ' order by picture.first_id) as ids
    from image_pictures as picture
    left join payment_submissions as submission on submission.id = picture.first_id
    where picture.algorithm_version = :algorithm_version
        and picture.first_id is not null
        and (
            submission.id is null
            or imagesignals_moment(submission.created_at) <> picture.first_created_at
        )
) as moved
cross join (
    select
        count(*) as pictures,
        sum(picture) as numbers
    from image_rechecks
) as rechecks
cross join (
    select count(*) as hashes
    from payment_image_signals as signals
    join payment_submissions as submission on submission.id = signals.payment_submission_id
    where signals.analysis_status = 'completed' and signals.perceptual_hash <> ''
) as signals
cross join (
    select coalesce(sum(upload_count), 0) as uploads
    from image_perceptual_hash_index
) as hashes;

-- == Roles (sql/roles.py) ======================================================================

-- name: foreign_policies
-- Policies of other programs on our tables that let the users of Supabase's public API in.
select tablename || ': ' || policyname as policy
from pg_policies
where schemaname = current_schema()
    and tablename in ('payment_image_signals', 'image_perceptual_hash_index')
    and policyname not like 'imagesignals %'
    and roles && array['public', 'anon', 'authenticated']::name []
order by 1;

-- name: submissions_hidden_from_roles
-- Whether row-level security is on for the submissions, and one of our roles has no policy.
select
    relation.relrowsecurity
    and exists (
        select
        from unnest(
            array['imagesignals_writer', 'imagesignals_reader', 'imagesignals_reviewer']
        ) as member (name)
        where not exists (
            select
            from pg_policies
            where schemaname = current_schema()
                and tablename = 'payment_submissions'
                and cmd in ('SELECT', 'ALL')
                and (roles && array['public', member.name]::name [])
        )
    ) as hidden
from pg_class as relation
where relation.oid = to_regclass('payment_submissions');

-- == More checks (verify.py) ===================================================================

-- name: check_nothing_waits_long
-- Submissions that have waited for longer than is tolerated, as far as is known since when.
select
    count(*) filter (where waited > make_interval(hours => :max_wait_hours)) as broken,
    count(*) as waiting,
    cast(coalesce(floor(extract(epoch from max(waited)) / 3600), 0) as bigint) as oldest_wait_hours
from (
    -- Since when a corrected screenshot waits, or one without a date, nobody knows.
    select
        now() - case
            when submission.created_at is not null and state.is_current
                then imagesignals_moment(submission.created_at)
        end as waited
    from payment_submissions as submission
    left join payment_image_signals as signals on signals.payment_submission_id = submission.id
    cross join lateral (
        select
            imagesignals_is_current(
                signals.written_by_pipeline, signals.image_url, submission.screenshot_url
            ) as is_current
    ) as state
    where imagesignals_has_screenshot(submission.screenshot_url)
        and (
            not state.is_current
            or imagesignals_waits(signals.analysis_status, signals.failure_kind, null)
        )
) as pending;

-- name: check_duplicate_rate
-- Copies above what is tolerated of all analysed rows; of a few rows, any part is.
select
    case
        when count(*) < 50 then 0
        else greatest(
            count(*) filter (where duplicate_detected)
            - cast(floor(count(*) * cast(:max_duplicate_rate as numeric)) as bigint),
            0
        )
    end as broken,
    count(*) filter (where duplicate_detected) as duplicates,
    count(*) as analysed,
    coalesce(
        100 * count(*) filter (where duplicate_detected) / nullif(count(*), 0), 0
    ) as duplicate_percent
from payment_image_signals
where analysis_status = 'completed';

-- == Reviewing (review/groups.py, store/decisions.py) ==========================================

-- name: review_groups
-- A page of originals that have copies which pass the filters, in the order of submission; how many
-- come before it, and how many there are. One row without an original says that the page is empty.
with copies as (
    select
        original.id as original_id,
        imagesignals_moment(original.created_at) as original_at
    from payment_image_signals as signals
    join payment_submissions as copy on copy.id = signals.payment_submission_id
    join payment_submissions as original on original.id = signals.similar_to_payment_id
    left join image_fingerprints as copy_print on copy_print.payment_submission_id = copy.id
    left join image_fingerprints as original_print
        on original_print.payment_submission_id = original.id
    left join imagesignals_standing_decisions() as standing
        on standing.payment_submission_id = copy.id
    where signals.duplicate_detected
        and (
            cast(:tier as text) is null
            or imagesignals_tier(
                signals.written_by_pipeline,
                copy_print.content_sha256, original_print.content_sha256,
                copy_print.pixels_sha256, original_print.pixels_sha256
            ) = :tier
        )
        and (
            cast(:since as timestamptz) is null
            or imagesignals_moment(copy.created_at) >= cast(:since as timestamptz)
        )
        and (
            cast(:until as timestamptz) is null
            or imagesignals_moment(copy.created_at) < cast(:until as timestamptz)
        )
        and (
            cast(:same_flat as boolean) is null
            or imagesignals_same_flat(
                cast(copy.flat_id as text), cast(original.flat_id as text)
            ) = cast(:same_flat as boolean)
        )
        and (
            cast(:decision as text) is null
            or coalesce(standing.decision, 'undecided') = :decision
        )
),

found as (
    select
        original_id,
        original_at
    from copies
    group by original_id, original_at
),

place as (
    select
        count(*) as total,
        greatest(
            0,
            case cast(:direction as text)
                when 'after' then
                    count(*) filter (
                        where (original_at, original_id)
                            <= (cast(:moment as timestamptz), cast(:id as uuid))
                    )
                when 'before' then
                    count(*) filter (
                        where (original_at, original_id)
                            < (cast(:moment as timestamptz), cast(:id as uuid))
                    ) - :page_size
                when 'last' then count(*) - :page_size
                else 0
            end
        ) as skipped
    from found
),

page as (
    select
        original_id,
        original_at
    from found
    order by original_at, original_id
    offset (select place.skipped from place)
    limit :page_size
)

select
    place.total,
    place.skipped,
    page.original_id,
    page.original_at
from place
left join page on true
order by page.original_at, page.original_id;

-- name: review_latest_groups
-- The originals of so many groups of which a copy was submitted last, and how many groups there are.
select
    original.id as original_id,
    count(*) over () as total
from payment_image_signals as signals
join payment_submissions as copy on copy.id = signals.payment_submission_id
join payment_submissions as original on original.id = signals.similar_to_payment_id
where signals.duplicate_detected
group by original.id
order by max(imagesignals_moment(copy.created_at)) desc, original.id desc
limit :most;

-- name: review_counts
-- How many copies there are of each tier, month, kind of flat and decision.
select
    imagesignals_tier(
        signals.written_by_pipeline,
        copy_print.content_sha256, original_print.content_sha256,
        copy_print.pixels_sha256, original_print.pixels_sha256
    ) as tier,
    cast(date_trunc('month', imagesignals_moment(copy.created_at) at time zone 'UTC') as date)
        as month,
    imagesignals_same_flat(cast(copy.flat_id as text), cast(original.flat_id as text))
        as same_flat,
    coalesce(standing.decision, 'undecided') as decision,
    count(*) as copies
from payment_image_signals as signals
join payment_submissions as copy on copy.id = signals.payment_submission_id
join payment_submissions as original on original.id = signals.similar_to_payment_id
left join image_fingerprints as copy_print on copy_print.payment_submission_id = copy.id
left join image_fingerprints as original_print
    on original_print.payment_submission_id = original.id
left join imagesignals_standing_decisions() as standing
    on standing.payment_submission_id = copy.id
where signals.duplicate_detected
group by 1, 2, 3, 4
order by 1, 2, 3, 4;

-- name: review_members
-- The given originals and all their copies, each group in the order of submission. Two signed links of
-- Supabase to one stored file differ in their tokens alone.
select
    submission.id,
    member.original_id,
    coalesce(cast(submission.flat_id as text), '') as flat_id,
    imagesignals_moment(submission.created_at) as created_at,
    imagesignals_same_flat(cast(submission.flat_id as text), cast(original.flat_id as text))
        as same_flat,
    coalesce(
        submission.screenshot_url = original.screenshot_url
        or (
            submission.screenshot_url like '%/object/sign/%'
            and original.screenshot_url like '%/object/sign/%'
            and imagesignals_public_url(submission.screenshot_url)
            = imagesignals_public_url(original.screenshot_url)
        ),
        false
    ) as same_address,
    signals.similarity_percentage,
    signals.similarity_explanation,
    signals.resolution_width,
    signals.resolution_height,
    signals.exif_editor_detected,
    imagesignals_has_screenshot(submission.screenshot_url)
    and imagesignals_is_current(
        signals.written_by_pipeline, signals.image_url, submission.screenshot_url
    ) as is_current,
    coalesce(length(print.payload), 0) > 0 as has_picture,
    coalesce(print.content_sha256, '') as content_sha256,
    imagesignals_tier(
        signals.written_by_pipeline,
        print.content_sha256, original_print.content_sha256,
        print.pixels_sha256, original_print.pixels_sha256
    ) as tier
from (
    select
        signals.payment_submission_id as id,
        signals.similar_to_payment_id as original_id
    from payment_image_signals as signals
    where signals.duplicate_detected
        and signals.similar_to_payment_id = any(cast(:originals as uuid []))
    union
    select
        given.id,
        given.id
    from unnest(cast(:originals as uuid [])) as given (id)
) as member
join payment_submissions as submission on submission.id = member.id
join payment_submissions as original on original.id = member.original_id
left join payment_image_signals as signals on signals.payment_submission_id = submission.id
left join image_fingerprints as print on print.payment_submission_id = submission.id
left join image_fingerprints as original_print
    on original_print.payment_submission_id = original.id
order by
    imagesignals_moment(original.created_at), original.id,
    imagesignals_moment(submission.created_at), submission.id;

-- name: review_original_of
-- Of whom a submission is a copy that has no copies itself. Rows of another program may name a copy
-- as an original, or each other.
select signals.similar_to_payment_id as original_id
from payment_image_signals as signals
where signals.payment_submission_id = cast(:id as uuid)
    and signals.duplicate_detected
    and signals.similar_to_payment_id is not null
    and not exists (
        select from payment_image_signals as copy
        where copy.similar_to_payment_id = cast(:id as uuid) and copy.duplicate_detected
    );

-- name: review_altered
-- The latest submissions that are no duplicates and agree with an earlier one except in one place,
-- and how many there are in all.
select
    coalesce(cast(submission.flat_id as text), '') as flat_id,
    imagesignals_moment(submission.created_at) as created_at,
    signals.similarity_explanation as explanation,
    count(*) over () as total
from payment_image_signals as signals
join payment_submissions as submission on submission.id = signals.payment_submission_id
where signals.written_by_pipeline
    and not signals.duplicate_detected
    and signals.similarity_explanation is not null
order by 2 desc, submission.id desc
limit cast(:most as bigint);

-- name: review_pictures
-- The stored picture of each of the given submissions; none where it was too empty to keep.
select
    payment_submission_id as id,
    payload
from image_fingerprints
where payment_submission_id = any(cast(:ids as uuid [])) and length(payload) > 0;

-- name: review_decisions
-- All decisions about the given copies, oldest first, and whether each still stands.
select
    payment_submission_id as copy_id,
    decision,
    reviewer,
    note,
    decided_at,
    against_this_original,
    stands
from imagesignals_decisions()
where payment_submission_id = any(cast(:ids as uuid []))
order by id;

-- name: decision_recorded
-- Whether what was recorded with a form is the same; null where nothing was.
select bool_and(
    payment_submission_id = cast(:copy_id as uuid)
    and decision = :decision
    and reviewer = :reviewer
    and note = :note
) as same
from image_review_decisions
where request_id = cast(:request_id as uuid);

-- name: record_decision
-- Add a decision about a copy, if it is still a copy of the original that the reviewer saw, and both
-- show the files that were seen.
insert into image_review_decisions (
    request_id, payment_submission_id, judged_against_id, copy_sha256, judged_against_sha256,
    decision, reviewer, note
)
select
    cast(:request_id as uuid),
    signals.payment_submission_id,
    signals.similar_to_payment_id,
    copy_print.content_sha256,
    original_print.content_sha256,
    :decision,
    :reviewer,
    :note
from payment_image_signals as signals
join payment_submissions as copy on copy.id = signals.payment_submission_id
join payment_submissions as original on original.id = signals.similar_to_payment_id
left join payment_image_signals as original_signals
    on original_signals.payment_submission_id = original.id
left join image_fingerprints as copy_print
    on copy_print.payment_submission_id = copy.id
left join image_fingerprints as original_print
    on original_print.payment_submission_id = original.id
where signals.payment_submission_id = cast(:copy_id as uuid)
    and signals.similar_to_payment_id = cast(:original_id as uuid)
    and signals.duplicate_detected
    and imagesignals_has_screenshot(copy.screenshot_url)
    and imagesignals_is_current(
        signals.written_by_pipeline, signals.image_url, copy.screenshot_url
    )
    and imagesignals_has_screenshot(original.screenshot_url)
    and imagesignals_is_current(
        original_signals.written_by_pipeline, original_signals.image_url, original.screenshot_url
    )
    and coalesce(copy_print.content_sha256, '') = :copy_sha256
    and coalesce(original_print.content_sha256, '') = :original_sha256
on conflict (request_id) do nothing
returning id;

-- == Patterns (review/patterns.py) =============================================================

-- name: review_coverage
-- How many screenshots are analysed, how many could not be, and how many wait.
select
    count(*) filter (where signals.analysis_status = 'completed') as analysed,
    count(*) filter (where signals.analysis_status in ('failed', 'skipped')) as not_analysed,
    count(*) filter (
        where imagesignals_waits(signals.analysis_status, signals.failure_kind, null)
    ) as waiting
from payment_submissions as submission
left join payment_image_signals as signals
    on signals.payment_submission_id = submission.id
    and imagesignals_is_current(
        signals.written_by_pipeline, signals.image_url, submission.screenshot_url
    )
where imagesignals_has_screenshot(submission.screenshot_url);

-- name: monthly_patterns
-- What became of the submissions of each month. A look-alike has the 64-bit hash of an earlier
-- submission and is not the same picture; what agrees with one except in one place is none.
select
    cast(date_trunc('month', imagesignals_moment(submission.created_at) at time zone 'UTC') as date)
        as month,
    count(*) as submissions,
    count(*) filter (where signals.analysis_status = 'completed') as completed,
    count(*) filter (where signals.duplicate_detected) as duplicates,
    count(*) filter (
        where signals.analysis_status = 'completed'
            and not coalesce(signals.duplicate_detected, false)
            and signals.similarity_explanation is null
            and hashes.upload_count > 1
            and hashes.first_payment_id is distinct from submission.id
    ) as look_alikes,
    count(*) filter (where not signals.looks_like_screenshot) as unlike_a_screenshot,
    count(*) filter (where signals.exif_editor_detected is not null) as edited,
    count(*) filter (where signals.analysis_status = 'failed') as failed,
    count(*) filter (where signals.analysis_status = 'skipped') as skipped,
    count(*) filter (
        where imagesignals_waits(signals.analysis_status, signals.failure_kind, null)
    ) as pending
from payment_submissions as submission
left join payment_image_signals as signals
    on signals.payment_submission_id = submission.id
    and imagesignals_is_current(
        signals.written_by_pipeline, signals.image_url, submission.screenshot_url
    )
left join image_perceptual_hash_index as hashes
    on hashes.perceptual_hash = signals.perceptual_hash
where imagesignals_has_screenshot(submission.screenshot_url)
group by 1
order by 1;

-- name: monthly_kinds
-- How often each kind of failure, and each editor, was met in each month; the most frequent first.
select
    cast(date_trunc('month', imagesignals_moment(submission.created_at) at time zone 'UTC') as date)
        as month,
    told.topic,
    told.kind,
    count(*) as count
from payment_image_signals as signals
join payment_submissions as submission on submission.id = signals.payment_submission_id
cross join lateral (
    values
    (
        'failure',
        case
            when signals.analysis_status in ('failed', 'skipped')
                then coalesce(signals.failure_kind, 'unknown')
        end
    ),
    ('editor', signals.exif_editor_detected)
) as told (topic, kind)
where told.kind is not null
    and imagesignals_has_screenshot(submission.screenshot_url)
    and imagesignals_is_current(
        signals.written_by_pipeline, signals.image_url, submission.screenshot_url
    )
group by 1, 2, 3
order by 1, 2, 4 desc, 3;

-- == Finding pictures (store/pictures.py, store/marks.py, store/rechecks.py) ===================

-- name: known_pictures
-- Pictures by their numbers, of any version of the algorithm. A row of which the version is `held` is
-- not sent again.
select
    picture.number,
    fresh.*
from unnest(cast(:numbers as integer []), cast(:held as text [])) as wanted (number, held)
join image_pictures as picture on picture.number = wanted.number
left join lateral (
    select
        concat(picture.xmin, picture.ctid) as row_version,
        picture.pixels_sha256 as pixels,
        picture.first_created_at,
        picture.first_id,
        picture.worst_score,
        picture.descriptor
) as fresh on fresh.row_version is distinct from wanted.held;

-- name: numbers_of
-- The numbers of those of the given pictures that are known.
select number
from image_pictures
where pixels_sha256 = any(cast(:pixels as bytea []));

-- name: first_pictures
-- The pictures that are the first so many in the order of submission: their numbers, and which
-- version of its row each is, another one after every change.
select
    number,
    concat(xmin, ctid) as row_version
from image_pictures
where algorithm_version = :algorithm_version and first_id is not null
order by first_created_at, first_id
limit :most;

-- name: picture_numbers
-- All pictures of a version that somebody shows.
select number
from image_pictures
where algorithm_version = :algorithm_version and first_id is not null
order by number;

-- name: last_place
-- Where the last picture stands in the order of submission.
select
    first_created_at,
    first_id
from image_pictures
where algorithm_version = :algorithm_version and first_id is not null
order by first_created_at desc, first_id desc
limit 1;

-- name: index_state
-- Whether there are marks of a version, and where the first picture stands that is not one of the
-- first so many; null when there is none.
select
    exists (
        select
        from image_marks
        where algorithm_version = :algorithm_version
    ) as kept,
    later.first_created_at,
    later.first_id
from (values (1)) as one
left join (
    select
        first_created_at,
        first_id
    from image_pictures
    where algorithm_version = :algorithm_version and first_id is not null
    order by first_created_at, first_id
    limit 1 offset :most
) as later on true;

-- name: ask_for_rechecks
-- Remember which pictures are to be compared anew.
insert into image_rechecks (picture)
select fresh.number
from unnest(cast(:numbers as integer [])) as fresh (number)
order by fresh.number
on conflict do nothing;

-- name: count_rechecks
-- How many pictures are to be compared anew.
select count(*)
from image_rechecks;

-- name: waiting_rechecks
-- Some of the pictures that are to be compared anew.
select picture
from image_rechecks
order by picture
limit :most;

-- name: forget_rechecks
-- These have been compared anew.
delete from image_rechecks
where picture = any(cast(:numbers as integer []));

-- name: forget_marks
-- Take pictures out of the index, from where they are known to stand.
delete from image_marks as known
using unnest(cast(:numbers as integer []), cast(:marks as integer [])) as gone (number, mark)
join image_pictures as picture on picture.number = gone.number
where picture.number = any(cast(:pictures as integer []))
    and known.algorithm_version = picture.algorithm_version
    and known.mark = gone.mark
    and known.first_created_at = picture.first_created_at
    and known.picture = gone.number;

-- name: save_marks
-- Put pictures into the index where they stand now.
insert into image_marks (algorithm_version, mark, first_created_at, picture, other_bits)
select
    picture.algorithm_version,
    fresh.mark,
    picture.first_created_at,
    picture.number,
    fresh.other_bits
from
    unnest(
        cast(:numbers as integer []), cast(:marks as integer []), cast(:other_bits as integer [])
    ) as fresh (number, mark, other_bits)
join image_pictures as picture on picture.number = fresh.number
where picture.number = any(cast(:pictures as integer [])) and picture.first_id is not null
order by fresh.mark
on conflict do nothing;

-- name: sharing
-- For each of the given pictures, those that are not later and share a mark that few had by then, if
-- the words may be equal. Of a mark that many have, so many entries are read as say that it has too
-- many.
select
    asked.number as later,
    array_agg(distinct holder.picture) as sharing
from
    unnest(
        cast(:numbers as integer []), cast(:marks as integer []), cast(:other_bits as integer [])
    ) as asked (number, mark, other_bits)
join unnest(cast(:pictures as integer []), cast(:moments as timestamptz []))
    as picture (number, first_created_at)
    on picture.number = asked.number
cross join lateral (
    select
        count(*) as holders,
        array_agg(earliest.picture) filter (
            where bit_count(cast(earliest.other_bits # asked.other_bits as bit (32)))
                <= :most_other_bits
        ) as pictures
    from (
        select
            mark.picture,
            mark.other_bits
        from image_marks as mark
        where mark.algorithm_version = :algorithm_version
            and mark.mark = asked.mark
            and mark.first_created_at <= picture.first_created_at
        order by mark.first_created_at
        limit :most + 2
    ) as earliest
) as found
cross join unnest(found.pictures) as holder (picture)
where found.holders <= :most + 1
group by asked.number;

-- name: early_holders
-- Who has the given marks, of each the earliest few.
select
    asked.mark,
    holder.picture,
    holder.first_created_at,
    holder.other_bits
from unnest(cast(:marks as integer [])) as asked (mark)
cross join lateral (
    select
        known.picture,
        known.first_created_at,
        known.other_bits
    from image_marks as known
    where known.algorithm_version = :algorithm_version and known.mark = asked.mark
    order by known.first_created_at
    limit :most
) as holder
order by asked.mark, holder.first_created_at;

-- == One worker a batch (store/turns.py) ==========================================================

-- name: hold_batch
-- Whether a batch is ours until this transaction ends; false while another one holds it. It says
-- nothing while its screenshots are fetched and decoded, which takes hours in the worst case. So a
-- machine that is gone is known by its silence on the network; behind a pooler, in a day at last.
select
    pg_try_advisory_xact_lock(hashtextextended('imagesignals:batch ' || :batch, 0)) as held,
    set_config('idle_in_transaction_session_timeout', '1d', true) as idle_timeout,
    set_config('tcp_keepalives_idle', '60', true) as keepalives_idle,
    set_config('tcp_keepalives_interval', '10', true) as keepalives_interval,
    set_config('tcp_keepalives_count', '6', true) as keepalives_count;

-- name: keep_plans
-- Until this transaction ends statements have the plans of the batch before, as in `write_settings`.
select set_config('plan_cache_mode', 'force_generic_plan', true) as plan_cache_mode;

-- == What was not analysed, to look at (source.py) =============================================

-- name: failures
-- The newest submissions of a window whose present screenshot failed or was skipped, and why.
select
    coalesce(cast(submission.flat_id as text), '') as flat_id,
    to_char(submission.created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as submitted,
    coalesce(signals.failure_kind, 'unknown') as kind,
    coalesce(signals.analysis_error, '') as reason
from payment_submissions as submission
join payment_image_signals as signals
    on signals.payment_submission_id = submission.id
    and imagesignals_is_current(
        signals.written_by_pipeline, signals.image_url, submission.screenshot_url
    )
where imagesignals_has_screenshot(submission.screenshot_url)
    and signals.analysis_status in ('failed', 'skipped')
    and imagesignals_within(submission.created_at, :since, :until)
order by imagesignals_moment(submission.created_at) desc, submission.id desc
limit cast(:row_limit as bigint);
