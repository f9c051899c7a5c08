-- Three roles without login, for others to be members of, and what each may do. Run as often as one
-- likes: it brings the rights of these three roles to what is written here, and shuts what is ours to
-- everybody else. The live application's own policies and grants stay as they are.
do $$
declare
    schema_name text := current_schema();
    submissions record;
    for_all_three boolean;
    rights record;
    member text;
    wanted text;
    shut_out text;
begin
    foreach member in array
        array['imagesignals_writer', 'imagesignals_reader', 'imagesignals_reviewer']
    loop
        if not exists (select from pg_roles where rolname = member) then
            execute format('create role %I nologin', member);
        end if;
        execute format('grant usage on schema %I to %I', schema_name, member);
        execute format(
            'grant select (id, flat_id, screenshot_url, created_at) on payment_submissions to %I',
            member
        );
    end loop;

    -- PUBLIC may call functions, unless somebody has taken that away.
    for rights in
        select cast(pg_proc.oid as regprocedure) as name
        from pg_proc
        where pg_proc.pronamespace = cast(quote_ident(schema_name) as regnamespace)
            and pg_proc.proname like 'imagesignals\_%'
    loop
        execute format(
            'grant execute on function %s'
            ' to imagesignals_writer, imagesignals_reader, imagesignals_reviewer',
            rights.name
        );
    end loop;

    select relrowsecurity, pg_has_role(relowner, 'usage') as ours
    into submissions
    from pg_class
    where oid = 'payment_submissions'::regclass;
    if submissions.relrowsecurity and submissions.ours then
        select pg_policies.roles @> array['imagesignals_reviewer']::name []
        into for_all_three
        from pg_policies
        where schemaname = schema_name
            and tablename = 'payment_submissions'
            and policyname = 'imagesignals reads';
        if for_all_three is null then
            create policy "imagesignals reads" on payment_submissions for select
            to imagesignals_writer, imagesignals_reader, imagesignals_reviewer using (true);
        elsif not for_all_three then
            alter policy "imagesignals reads" on payment_submissions
            to imagesignals_writer, imagesignals_reader, imagesignals_reviewer;
        end if;
    end if;

    for rights in
        select table_rights.*, pg_class.relrowsecurity
        from (
            values
                ('payment_image_signals', 'select, insert, update, delete', 'select', 'select'),
                ('image_perceptual_hash_index', 'select, insert, update, delete', 'select', null),
                (
                    'image_fingerprints',
                    'select, insert, update, delete',
                    -- All but the pictures themselves.
                    'select (payment_submission_id, content_sha256, pixels_sha256,'
                    ' algorithm_version, analyzed_at)',
                    'select'
                ),
                ('image_matches', 'select, insert, update, delete', 'select', null),
                ('image_pictures', 'select, insert, update, delete', null, null),
                ('image_marks', 'select, insert, delete', null, null),
                ('image_rechecks', 'select, insert, delete', 'select', null),
                ('image_signal_failures', 'select, insert, update, delete', 'select', null),
                ('image_signal_batches', 'select, insert, delete', null, null),
                ('image_review_decisions', 'select', 'select', 'select, insert'),
                ('imagesignals_migrations', 'select', 'select', 'select'),
                ('payment_image_signals_superseded', null, null, null)
        ) as table_rights (name, writer, reader, reviewer)
        join pg_class on pg_class.oid = to_regclass(table_rights.name)
    loop
        execute format(
            'revoke all on %I from imagesignals_writer, imagesignals_reader, imagesignals_reviewer',
            rights.name
        );
        if rights.writer is not null then
            execute format('grant %s on %I to imagesignals_writer', rights.writer, rights.name);
        end if;
        if rights.reader is not null then
            execute format('grant %s on %I to imagesignals_reader', rights.reader, rights.name);
        end if;
        if rights.reviewer is not null then
            execute format('grant %s on %I to imagesignals_reviewer', rights.reviewer, rights.name);
        end if;
        if not rights.relrowsecurity then
            execute format('alter table %I enable row level security', rights.name);
        end if;
        foreach member in array array['writer', 'reader', 'reviewer'] loop
            wanted := case member when 'writer' then 'ALL' else 'SELECT' end;
            if exists (
                select from pg_policies
                where schemaname = schema_name
                    and tablename = rights.name
                    and policyname = 'imagesignals ' || member
                    and cmd <> wanted
            ) then
                execute format('drop policy %I on %I', 'imagesignals ' || member, rights.name);
            end if;
            if not exists (
                select from pg_policies
                where schemaname = schema_name
                    and tablename = rights.name
                    and policyname = 'imagesignals ' || member
            ) then
                execute format(
                    'create policy %I on %I for %s to %I using (true)',
                    'imagesignals ' || member,
                    rights.name,
                    wanted,
                    'imagesignals_' || member
                );
            end if;
        end loop;
        -- A table with policies of the live application's is one that its users are meant to see.
        if not exists (
            select from pg_policies
            where schemaname = schema_name
                and tablename = rights.name
                and policyname not like 'imagesignals %'
        ) then
            for shut_out in
                select 'public'
                union all
                select quote_ident(rolname) from pg_roles where rolname in ('anon', 'authenticated')
            loop
                execute format('revoke all on %I from %s', rights.name, shut_out);
            end loop;
        end if;
    end loop;

    if not exists (
        select from pg_policies
        where schemaname = schema_name
            and tablename = 'image_review_decisions'
            and policyname = 'imagesignals reviewer decides'
    ) then
        create policy "imagesignals reviewer decides" on image_review_decisions for insert
        to imagesignals_reviewer with check (true);
    end if;
end
$$;
