-- What the search for the same picture needs of each distinct picture, and which it was compared
-- with. A picture is compared with earlier ones only, so each pair belongs to the later of the two.

create sequence imagesignals_changes;

create table image_pictures (
    pixels_sha256 bytea primary key check (length(pixels_sha256) = 32),
    first_created_at timestamptz,
    first_id uuid,
    algorithm_version integer not null,
    descriptor bytea not null,
    worst_score real not null default 0,
    change bigint not null default nextval('imagesignals_changes')
);
comment on table image_pictures is
    'Distinct pictures in the order of their first submission; null: no submission shows it any more.';
comment on column image_pictures.worst_score is
    'Coarse likeness of the least of its candidates; 0 while there is room for more.';
comment on column image_pictures.change is
    'Grows with every change, in the order of commits: who has read up to here knows all before.';
create index image_pictures_by_change on image_pictures (change);

alter table image_matches add column later bytea check (later in (pixels_a, pixels_b));
create index image_matches_by_later on image_matches (later);
comment on column image_matches.later is
    'Which of the two was submitted later and names the other as a candidate.';

do $$
begin
    if exists (select from pg_roles where rolname in ('anon', 'authenticated')) then
        alter table image_pictures enable row level security;
    end if;
end
$$;
