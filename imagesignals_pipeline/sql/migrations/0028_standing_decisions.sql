-- What three statements asked in their own words. Names no table, like the functions of 0006.
create function imagesignals_stands(
    copy_seen bytea, copy_content bytea, original_seen bytea, original_content bytea,
    original_id uuid, judged_against_id uuid, its_original_id uuid
) returns boolean
language sql immutable
return coalesce(
    copy_seen is not distinct from copy_content
    and original_seen is not distinct from original_content
    and original_id in (judged_against_id, its_original_id),
    false
);

comment on function imagesignals_stands is
    'Whether a decision still counts: both files are those that were seen, and the submission that the copy was judged against is its original, or a copy of the same original.';
