-- Creates the two tables that the live application reads, or adopts the ones that are there: adds
-- the columns that are missing and touches no row.

create table if not exists payment_image_signals (
    id uuid primary key default gen_random_uuid(),
    payment_submission_id uuid not null,
    image_url text not null
);
alter table payment_image_signals
    add column if not exists perceptual_hash text,
    add column if not exists duplicate_detected boolean default false,
    add column if not exists similar_to_payment_id uuid,
    add column if not exists similarity_percentage integer,
    add column if not exists similarity_explanation text,
    add column if not exists exif_available boolean default false,
    add column if not exists exif_creation_date timestamptz,
    add column if not exists exif_source_type text,
    add column if not exists exif_metadata_stripped boolean default false,
    add column if not exists exif_editor_detected text,
    add column if not exists metadata_notes text,
    add column if not exists looks_like_screenshot boolean default false,
    add column if not exists aspect_ratio text,
    add column if not exists resolution_width integer,
    add column if not exists resolution_height integer,
    add column if not exists text_density_score integer,
    add column if not exists screenshot_validity_explanation text,
    add column if not exists analyzed_at timestamptz default now(),
    add column if not exists analysis_status text default 'completed',
    add column if not exists analysis_error text,
    add column if not exists created_at timestamptz default now(),
    add column if not exists updated_at timestamptz default now(),
    -- The two columns of this pipeline. Rows that the live application writes, before or after
    -- the adoption, are told apart by the default.
    add column if not exists failure_kind text,
    add column if not exists written_by_pipeline boolean not null default false;

comment on column payment_image_signals.failure_kind is
    'Why the screenshot has no signals; null when it has, or when another program wrote the row.';
comment on column payment_image_signals.written_by_pipeline is
    'False: another program wrote the row. It counts as analysed, and its picture cannot be compared.';

create table if not exists image_perceptual_hash_index (
    perceptual_hash text primary key,
    hash_algorithm text default 'dhash',
    first_payment_id uuid not null,
    first_uploaded_at timestamptz default now(),
    upload_count integer default 1,
    last_updated_at timestamptz default now()
);
alter table image_perceptual_hash_index
    add column if not exists hash_algorithm text default 'dhash',
    add column if not exists first_uploaded_at timestamptz default now(),
    add column if not exists upload_count integer default 1,
    add column if not exists last_updated_at timestamptz default now();
