-- A picture that agrees with an earlier one except in one place is told to the committee in words.
alter table image_matches add column altered boolean not null default false
check (not (altered and same_picture));
comment on column image_matches.altered is
    'The two agree except in one place; no duplicate, but worth a look.';
create index image_matches_altered on image_matches (later) where altered;
