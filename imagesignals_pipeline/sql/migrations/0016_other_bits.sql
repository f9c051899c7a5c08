-- Marks of fewer bits, and beside each 32 other bits of its word: they tell who shares it by chance.
-- Where marks are kept, placing pictures again makes them: comparisons are kept, and the next run goes
-- over all pictures as after a new version.
do $$
begin
    if exists (select from image_marks) then
        truncate image_marks, image_pictures;
    end if;
end
$$;
alter table image_marks
    drop constraint image_marks_pkey,
    add column other_bits integer not null,
    add primary key (algorithm_version, mark, first_created_at, picture) include (other_bits);
comment on column image_marks.other_bits is
    '32 bits of the code of the word that has the mark, none of which the mark is made of.';
