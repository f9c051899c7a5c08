-- name: demo_rows
-- How many submissions there are, and how many of them the demonstration made.
select
    count(*) as total,
    count(*) filter (where id = any(cast(:ids as uuid[]))) as ours
from payment_submissions;

-- name: write_demo_rows
-- The demonstration's submissions; a row that is there already only gets the store's new address.
insert into payment_submissions (id, flat_id, screenshot_url, created_at)
select
    demo.id,
    demo.flat_id,
    demo.screenshot_url,
    demo.created_at
from unnest(
    cast(:ids as uuid[]),
    cast(:flat_ids as text[]),
    cast(:screenshot_urls as text[]),
    cast(:created_ats as timestamptz[])
) as demo (id, flat_id, screenshot_url, created_at)
on conflict (id) do update
set screenshot_url = excluded.screenshot_url
where payment_submissions.screenshot_url is distinct from excluded.screenshot_url;
