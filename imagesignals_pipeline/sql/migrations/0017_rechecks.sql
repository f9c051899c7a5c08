-- Pictures that have yet to be compared anew, because earlier ones came, moved or went: many of them
-- would hold up a batch, and the next batch may concern the same ones.
create table image_rechecks (
    picture integer primary key
);
comment on table image_rechecks is
    'Pictures, by their numbers, to be compared anew at the end of a run: an earlier one came late.';

do $$
begin
    if exists (select from pg_roles where rolname in ('anon', 'authenticated')) then
        alter table image_rechecks enable row level security;
    end if;
end
$$;
