-- The live application's table, as far as this pipeline reads it. Only demonstrations and tests
-- create it; everywhere else it is there already and stays untouched.
create table if not exists payment_submissions (
    -- Of the submission.
    id uuid primary key default gen_random_uuid(),
    -- Whose payment it is: an opaque label.
    flat_id text,
    -- Where the screenshot lies; none for a payment that an admin typed in.
    screenshot_url text,
    -- When it was submitted: what decides which of two pictures is the earlier one.
    created_at timestamptz default now()
);
create index if not exists idx_payments_created on payment_submissions (created_at desc);
