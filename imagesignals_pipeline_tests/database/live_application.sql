-- The live application's database on the day this pipeline is switched on: its tables, keys,
-- triggers, policies and functions, with the rows that its bugs leave behind. Written from what its
-- migrations produce; the hashes are those of a browser's canvas, which no other program makes.

create table flat_numbers (
    id uuid primary key default gen_random_uuid(),
    label text not null
);

create table payment_submissions (
    id uuid primary key default gen_random_uuid(),
    flat_id uuid not null references flat_numbers (id) on delete cascade,
    email text not null default 'resident@example.test',
    payment_amount numeric(10, 2),
    screenshot_url text not null,
    status text default 'Received' check (status in ('Received', 'Reviewed', 'Approved')),
    created_at timestamptz default now()
);
create index idx_payments_created on payment_submissions (created_at desc);
alter table payment_submissions enable row level security;
create policy "Everybody sees payments" on payment_submissions for select using (true);

create table payment_image_signals (
    id uuid primary key default gen_random_uuid(),
    payment_submission_id uuid not null references payment_submissions (id) on delete cascade,
    image_url text not null,
    perceptual_hash text,
    duplicate_detected boolean default false,
    similar_to_payment_id uuid references payment_submissions (id) on delete cascade,
    similarity_percentage integer check (
        similarity_percentage >= 0 and similarity_percentage <= 100
    ),
    similarity_explanation text,
    exif_available boolean default false,
    exif_creation_date timestamptz,
    exif_source_type text,
    exif_metadata_stripped boolean default false,
    exif_editor_detected text,
    metadata_notes text,
    looks_like_screenshot boolean default false,
    aspect_ratio text,
    resolution_width integer,
    resolution_height integer,
    text_density_score integer check (text_density_score >= 0 and text_density_score <= 100),
    screenshot_validity_explanation text,
    analyzed_at timestamptz default now(),
    analysis_status text default 'completed' check (
        analysis_status in ('pending', 'processing', 'completed', 'failed', 'skipped')
    ),
    analysis_error text,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);
create index idx_image_signals_payment on payment_image_signals (payment_submission_id);
create index idx_payment_image_signals_similar_to_payment_id
    on payment_image_signals (similar_to_payment_id);
alter table payment_image_signals enable row level security;
create policy "Everybody sees signals" on payment_image_signals for select using (true);

create table image_perceptual_hash_index (
    perceptual_hash text primary key,
    hash_algorithm text default 'dhash',
    first_payment_id uuid not null references payment_submissions (id) on delete cascade,
    first_uploaded_at timestamptz default now(),
    upload_count integer default 1,
    last_updated_at timestamptz default now()
);
alter table image_perceptual_hash_index enable row level security;
create policy "Everybody sees hashes" on image_perceptual_hash_index for select using (true);

-- Marks every submission whose hash an earlier analysed one has.
create function update_duplicate_flags() returns integer
language plpgsql security definer as $$
declare
    marked integer;
begin
    update payment_image_signals as copy
    set duplicate_detected = true,
        similar_to_payment_id = (
            select first.payment_submission_id
            from payment_image_signals as first
            where first.perceptual_hash = copy.perceptual_hash
            order by first.analyzed_at
            limit 1
        ),
        similarity_percentage = 100
    where not copy.duplicate_detected
        and exists (
            select
            from payment_image_signals as other
            where other.perceptual_hash = copy.perceptual_hash
                and other.analyzed_at < copy.analyzed_at
                and other.payment_submission_id <> copy.payment_submission_id
        );
    get diagnostics marked = row_count;
    return marked;
end
$$;

create function touch_updated_at() returns trigger language plpgsql as $$
begin
    new.updated_at = now();
    return new;
end
$$;
create trigger touch before update on payment_image_signals
for each row execute function touch_updated_at();

insert into flat_numbers (id, label)
select ('f1a70000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'F-10' || n
from generate_series(1, 3) as n;

-- Submissions 1 to 9, a day apart.
insert into payment_submissions (id, flat_id, screenshot_url, created_at)
select
    ('5ab00000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,
    ('f1a70000-0000-0000-0000-' || lpad((n % 3 + 1)::text, 12, '0'))::uuid,
    'https://store.test/storage/v1/object/sign/b/' || n || '.png?token=sesame',
    timestamptz '2025-03-01 10:00+00' + n * interval '1 day'
from generate_series(1, 9) as n;
update payment_submissions set screenshot_url = 'admin-manual-entry'
where id = '5ab00000-0000-0000-0000-000000000009';
update payment_submissions set created_at = null
where id = '5ab00000-0000-0000-0000-000000000008';

insert into payment_image_signals (
    id, payment_submission_id, image_url, perceptual_hash, duplicate_detected,
    similar_to_payment_id, similarity_percentage, analyzed_at, analysis_status, analysis_error
)
select
    ('00000000-0000-0000-0000-' || lpad(row_number() over ()::text, 12, '0'))::uuid,
    ('5ab00000-0000-0000-0000-' || lpad(old.submission::text, 12, '0'))::uuid,
    'https://store.test/storage/v1/object/sign/b/' || old.submission || '.png?token=sesame',
    old.hash,
    old.marked,
    ('5ab00000-0000-0000-0000-' || lpad(old.original::text, 12, '0'))::uuid,
    old.percentage,
    timestamptz '2026-01-15 12:00+00' + row_number() over () * interval '1 minute',
    old.status,
    old.error
from (
    values
        (1, 'f0f0f0f0f0f0f0f0', false, null, null, 'completed', null),
        -- An honest receipt of the same app: the old hash cannot tell.
        (2, 'f0f0f0f0f0f0f0f0', true, 1, 100, 'completed', null),
        -- Three rows of one submission; the last is its own copy.
        (3, null, false, null, null, 'failed', 'network'),
        (3, '0123456789abcdef', false, null, null, 'completed', null),
        (3, '0123456789abcdef', true, null, 100, 'completed', null),
        -- Its own original, by name.
        (4, '1111111111111111', true, 4, 100, 'completed', null),
        (5, null, false, null, null, 'failed', 'Failed to fetch'),
        (6, null, null, null, null, null, null),
        (7, null, false, null, null, 'processing', null)
) as old (submission, hash, marked, original, percentage, status, error);

insert into image_perceptual_hash_index (perceptual_hash, first_payment_id, upload_count)
values
    ('f0f0f0f0f0f0f0f0', '5ab00000-0000-0000-0000-000000000001', 1),
    ('0123456789abcdef', '5ab00000-0000-0000-0000-000000000003', 3);
