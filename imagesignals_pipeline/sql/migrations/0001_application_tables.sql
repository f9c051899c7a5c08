-- Creates the two tables that the live application reads, or adopts the ones that are there: adds
-- the columns that are missing and touches no row. The comment before a column is what the Dagster UI
-- says of it (sql/columns.py).

-- Which of the two are made here, until the end of the transaction: 0007 closes these alone.
select set_config('imagesignals.made_here', coalesce(string_agg(name, ' '), ''), true)
from unnest(array['payment_image_signals', 'image_perceptual_hash_index']) as name
where to_regclass(name) is null;

create table if not exists payment_image_signals (
    -- Of the row.
    id uuid primary key default gen_random_uuid(),
    -- The submission that the row is about; each has one row.
    payment_submission_id uuid not null,
    -- The screenshot's address without what may be secret: user, query string, fragment.
    image_url text not null
);
alter table payment_image_signals
    -- 64-bit dHash, 16 hex digits: for searching, never the reason for a duplicate.
    add column if not exists perceptual_hash text,
    -- An earlier submission shows the same picture.
    add column if not exists duplicate_detected boolean default false,
    -- The earliest submission of the same picture.
    add column if not exists similar_to_payment_id uuid,
    -- How alike the two are: 100 for the same file or the same pixels; of other copies the share of the
    -- text both show that agrees, which may be 100 too.
    add column if not exists similarity_percentage integer,
    -- Why we say so, in one sentence. Where it is no duplicate, this may say that it agrees with an
    -- earlier one except in one place.
    add column if not exists similarity_explanation text,
    -- The file has EXIF data that tell something; without is normal for a screenshot.
    add column if not exists exif_available boolean default false,
    -- When the picture was taken, as the file says; UTC where it names no time zone.
    add column if not exists exif_creation_date timestamptz,
    -- Who made the file: screenshot, camera, edited or unknown.
    add column if not exists exif_source_type text,
    -- The file's metadata are empty, as messengers leave them.
    add column if not exists exif_metadata_stripped boolean default false,
    -- The program that saved the file last, if it edits pictures.
    add column if not exists exif_editor_detected text,
    -- What the file says of itself, in one sentence.
    add column if not exists metadata_notes text,
    -- It looks like a phone's screenshot; a photo of a receipt proves as much.
    add column if not exists looks_like_screenshot boolean default false,
    -- The shape of the picture, such as 9:20.
    add column if not exists aspect_ratio text,
    -- Pixels across, the picture upright.
    add column if not exists resolution_width integer,
    -- Pixels down, the picture upright.
    add column if not exists resolution_height integer,
    -- How much of the picture is text, 0 to 100.
    add column if not exists text_density_score integer,
    -- Why it looks like a screenshot or not, in one sentence.
    add column if not exists screenshot_validity_explanation text,
    -- When the picture was analysed.
    add column if not exists analyzed_at timestamptz default now(),
    -- pending, processing, completed, failed or skipped.
    add column if not exists analysis_status text default 'completed',
    -- Why the picture has no signals, in one sentence.
    add column if not exists analysis_error text,
    -- When the row was made.
    add column if not exists created_at timestamptz default now(),
    -- When the row changed last.
    add column if not exists updated_at timestamptz default now(),
    -- Why the screenshot has no signals; null when it has, or when another program wrote the row.
    add column if not exists failure_kind text,
    -- False: another program wrote the row. It counts as analysed, and its picture cannot be compared.
    add column if not exists written_by_pipeline boolean not null default false;

comment on column payment_image_signals.failure_kind is
    'Why the screenshot has no signals; null when it has, or when another program wrote the row.';
comment on column payment_image_signals.written_by_pipeline is
    'False: another program wrote the row. It counts as analysed, and its picture cannot be compared.';

create table if not exists image_perceptual_hash_index (
    -- 64-bit dHash, 16 hex digits.
    perceptual_hash text primary key,
    -- dhash.
    hash_algorithm text default 'dhash',
    -- The earliest submission with this hash.
    first_payment_id uuid not null,
    -- When that was submitted.
    first_uploaded_at timestamptz default now(),
    -- How many analysed submissions have this hash.
    upload_count integer default 1,
    -- When the row changed last.
    last_updated_at timestamptz default now()
);
alter table image_perceptual_hash_index
    add column if not exists hash_algorithm text default 'dhash',
    add column if not exists first_uploaded_at timestamptz default now(),
    add column if not exists upload_count integer default 1,
    add column if not exists last_updated_at timestamptz default now();
