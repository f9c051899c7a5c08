-- Pictures that a direct comparison told apart are never made one by a third that resembles both.
alter table image_matches add column parted boolean not null default false
check (not (parted and same_picture));
comment on column image_matches.parted is
    'Some text that both show is certainly not the same.';
