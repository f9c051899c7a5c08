-- Supabase publishes every table of the schema through its API to the roles anon and
-- authenticated. Row-level security without a policy shuts ours to them; the owner, which is this
-- pipeline, is not concerned. Other servers have no such roles, and there nothing changes. Of the live
-- application's two tables only those are shut that 0001 has just made: one that was there before its
-- users may read without any policy. Where 0001 ran in a transaction of its own, nobody knows any more.
do $$
declare
    own text;
begin
    if exists (select from pg_roles where rolname in ('anon', 'authenticated')) then
        foreach own in array array[
            'image_fingerprints', 'image_matches', 'image_signal_batches',
            'payment_image_signals_superseded', 'imagesignals_migrations'
        ] || string_to_array(coalesce(current_setting('imagesignals.made_here', true), ''), ' ') loop
            execute format('alter table %I enable row level security', own);
        end loop;
    end if;
end
$$;
