-- The live application's table, as far as this pipeline reads it. Only demonstrations and tests
-- create it; everywhere else it is there already and stays untouched.
create table if not exists payment_submissions (
    id uuid primary key default gen_random_uuid(),
    flat_id text,
    screenshot_url text,
    created_at timestamptz default now()
);
create index if not exists idx_payments_created on payment_submissions (created_at desc);
