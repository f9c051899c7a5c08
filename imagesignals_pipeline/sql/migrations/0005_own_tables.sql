-- What this pipeline remembers for itself, and the indexes that let a batch read only what it needs.

create table image_fingerprints (
    payment_submission_id uuid primary key references payment_submissions (id) on delete cascade,
    content_sha256 bytea not null check (length(content_sha256) = 32),
    pixels_sha256 bytea check (length(pixels_sha256) = 32),
    payload bytea not null,
    algorithm_version integer not null,
    analyzed_at timestamptz not null
);
comment on table image_fingerprints is
    'What is kept of each analysed picture so that later ones can be compared with it.';
comment on column image_fingerprints.pixels_sha256 is
    'Null: the picture is too empty to compare; it matches nothing but its own bytes.';
create index image_fingerprints_by_content on image_fingerprints (content_sha256);
create index image_fingerprints_by_pixels on image_fingerprints (pixels_sha256)
where pixels_sha256 is not null;
create index image_fingerprints_by_version on image_fingerprints (algorithm_version);

-- Between pictures, not submissions: a hundred copies of two pictures need one comparison.
create table image_matches (
    pixels_a bytea not null check (length(pixels_a) = 32),
    pixels_b bytea not null check (length(pixels_b) = 32),
    same_picture boolean not null,
    similarity_percentage integer not null check (similarity_percentage between 0 and 100),
    explanation text not null default '',
    algorithm_version integer not null,
    primary key (pixels_a, pixels_b),
    check (pixels_a < pixels_b)
);
comment on table image_matches is
    'Pairs of pictures that were compared; explanation says what was done to the copy.';
create index image_matches_by_b on image_matches (pixels_b);

create table image_signal_batches (
    run_id text not null,
    batch_number integer not null,
    batch_count integer not null,
    submission_ids uuid[] not null,
    planned_at timestamptz not null default now(),
    primary key (run_id, batch_number)
);
comment on table image_signal_batches is
    'Which submissions each run divided into which batch; number 0 says that there were none.';
create index image_signal_batches_by_age on image_signal_batches (planned_at);

-- The name is the live application's: a database that has the index keeps it.
create index if not exists idx_payment_image_signals_similar_to_payment_id
    on payment_image_signals (similar_to_payment_id);
create index imagesignals_completed_by_hash on payment_image_signals (perceptual_hash)
where analysis_status = 'completed';
create index imagesignals_copies_without_original on payment_image_signals (payment_submission_id)
where duplicate_detected and similar_to_payment_id is null;
-- Without it every deleted submission would scan the whole hash index (ON DELETE CASCADE).
create index imagesignals_hash_index_by_first on image_perceptual_hash_index (first_payment_id);
