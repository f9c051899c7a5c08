-- A society may keep thumbnails for a time only. Such a picture keeps its place and its digests.
alter table image_fingerprints add column thumbnail_forgotten boolean not null default false;
-- Thumbnails are coded, and perhaps encrypted: there is nothing to gain by compressing them again.
alter table image_fingerprints alter column payload set storage external;
comment on column image_fingerprints.thumbnail_forgotten is
    'The payload was emptied because of its age, not because the picture shows nothing.';
comment on column image_fingerprints.payload is
    'Thumbnail and words; empty: blank or forgotten. Encrypted where it begins with the byte 0x80.';
