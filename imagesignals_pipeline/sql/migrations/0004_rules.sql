-- What every row must keep to. Adopted rows that do not stay as they are: the rule is then NOT
-- VALID, which guards new rows only, and `imagesignals migrate` and `verify` report the old ones.
do $$
declare
    rule record;
begin
    for rule in
        select *
        from (
            values
                ('imagesignals_percentage', 'similarity_percentage between 0 and 100'),
                ('imagesignals_text_density', 'text_density_score between 0 and 100'),
                (
                    'imagesignals_status',
                    'analysis_status in'
                    ' (''pending'', ''processing'', ''completed'', ''failed'', ''skipped'')'
                ),
                ('imagesignals_not_own_copy', 'similar_to_payment_id <> payment_submission_id')
        ) as rules (name, condition)
    loop
        execute format(
            'alter table payment_image_signals add constraint %I check (%s) not valid',
            rule.name, rule.condition
        );
        begin
            execute format('alter table payment_image_signals validate constraint %I', rule.name);
        exception
            when check_violation then
                raise notice 'adopted rows break %', rule.name;
        end;
    end loop;
end
$$;
