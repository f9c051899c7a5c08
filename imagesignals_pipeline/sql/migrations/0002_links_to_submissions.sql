-- Foreign keys. They come before the statements that need time, because they alone take a lock on
-- payment_submissions, and taking it last could block the live application in a deadlock.
--
-- similar_to_payment_id: the live application has ON DELETE CASCADE there, so that deleting an
-- original deletes the signals of all its copies, and the next copy looks like a first one. SET
-- NULL keeps those rows; the next run makes the earliest remaining copy the original.
-- Rows that point nowhere already are left as they are: such a key stays NOT VALID and is reported.
do $$
declare
    wanted record;
    old record;
begin
    for old in
        select pg_constraint.conname
        from pg_constraint
        join pg_attribute
            on pg_attribute.attrelid = pg_constraint.conrelid
            and pg_constraint.conkey = array[pg_attribute.attnum]
        where pg_constraint.conrelid = 'payment_image_signals'::regclass
            and pg_constraint.contype = 'f'
            and pg_attribute.attname = 'similar_to_payment_id'
            and pg_constraint.confdeltype <> 'n'
    loop
        execute format('alter table payment_image_signals drop constraint %I', old.conname);
    end loop;

    for wanted in
        select *
        from (
            values
                ('payment_image_signals', 'payment_submission_id', 'cascade'),
                ('payment_image_signals', 'similar_to_payment_id', 'set null'),
                ('image_perceptual_hash_index', 'first_payment_id', 'cascade')
        ) as keys (relation, attribute, action)
        where not exists (
            select
            from pg_constraint
            join pg_attribute
                on pg_attribute.attrelid = pg_constraint.conrelid
                and pg_constraint.conkey = array[pg_attribute.attnum]
            where pg_constraint.conrelid = keys.relation::regclass
                and pg_constraint.contype = 'f'
                and pg_attribute.attname = keys.attribute
        )
    loop
        execute format(
            'alter table %I add constraint %I foreign key (%I)'
            ' references payment_submissions (id) on delete %s not valid',
            wanted.relation,
            wanted.relation || '_' || wanted.attribute || '_fkey',
            wanted.attribute,
            wanted.action
        );
        begin
            execute format(
                'alter table %I validate constraint %I',
                wanted.relation,
                wanted.relation || '_' || wanted.attribute || '_fkey'
            );
        exception
            when foreign_key_violation then
                raise notice '%.% points to missing submissions', wanted.relation, wanted.attribute;
        end;
    end loop;
end
$$;
