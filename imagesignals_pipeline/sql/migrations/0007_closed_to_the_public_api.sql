-- Supabase publishes every table of the schema through its API to the roles anon and
-- authenticated. Row-level security without a policy shuts ours to them; the owner, which is this
-- pipeline, is not concerned. Other servers have no such roles, and there nothing changes.
do $$
declare
    own text;
begin
    if exists (select from pg_roles where rolname in ('anon', 'authenticated')) then
        foreach own in array array[
            'payment_image_signals', 'image_perceptual_hash_index', 'image_fingerprints',
            'image_matches', 'image_signal_batches', 'payment_image_signals_superseded',
            'imagesignals_migrations'
        ] loop
            execute format('alter table %I enable row level security', own);
        end loop;
    end if;
end
$$;
