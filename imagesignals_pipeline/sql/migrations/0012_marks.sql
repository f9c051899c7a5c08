-- An index of pictures by parts of their words' codes, so that a new picture reads what resembles
-- it and not the table. Placing pictures again fills it: comparisons are kept, and the next run
-- goes over all pictures as it does after a new version.
truncate image_pictures;
drop index image_pictures_by_change;
alter table image_pictures
    drop column change,
    add column number integer generated always as identity unique;
drop sequence imagesignals_changes;
comment on column image_pictures.number is
    'Short name of the picture in image_marks; it says nothing of the order.';
create index image_pictures_in_order
    on image_pictures (algorithm_version, first_created_at, first_id)
    include (number)
    where first_id is not null;
create index image_pictures_by_first on image_pictures (first_id);

create table image_marks (
    algorithm_version smallint not null,
    mark integer not null,
    first_created_at timestamptz not null,
    picture integer not null,
    primary key (algorithm_version, mark, first_created_at, picture)
);
comment on table image_marks is
    'What each picture that a submission shows is found by: parts of the codes of its words.';

do $$
begin
    if exists (select from pg_roles where rolname in ('anon', 'authenticated')) then
        alter table image_marks enable row level security;
    end if;
end
$$;
