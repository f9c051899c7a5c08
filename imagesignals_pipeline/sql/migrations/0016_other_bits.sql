-- Marks of fewer bits, and beside each 32 other bits of its word: they tell who shares it by chance.
-- Where marks are kept, placing pictures again makes them: comparisons are kept, and the next run goes
-- over all pictures as after a new version. One of which a thumbnail is forgotten cannot be described
-- again: it keeps its place, and what was found.
do $$
begin
    if exists (select from image_marks) then
        truncate image_marks;
        delete from image_pictures as picture
        where not exists (
            select
            from image_fingerprints as fingerprint
            where fingerprint.pixels_sha256 = picture.pixels_sha256
                and fingerprint.thumbnail_forgotten
        );
    end if;
end
$$;
alter table image_marks
    drop constraint image_marks_pkey,
    add column other_bits integer not null,
    add primary key (algorithm_version, mark, first_created_at, picture) include (other_bits);
comment on column image_marks.other_bits is
    '32 bits of the code of the word that has the mark, none of which the mark is made of.';
