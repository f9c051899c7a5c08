-- What six statements spelled out. Names no table, like the functions of 0006; the planner puts its body
-- in its place, so that an index on created_at serves.
create function imagesignals_within(
    created_at timestamptz, since timestamptz, until timestamptz
) returns boolean
language sql immutable
return (since is null or created_at >= since)
and (until is null or created_at < until or (since is null and created_at is null));

comment on function imagesignals_within is
    'Whether a submission lies in a window from `since` to before `until`; null is no bound. One without a date came before all others.';
