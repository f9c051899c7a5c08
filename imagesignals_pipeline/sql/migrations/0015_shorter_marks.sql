-- Marks of fewer bits, which more copies keep. Where marks are kept, placing pictures again makes
-- them: comparisons are kept, and the next run goes over all pictures as after a new version. One of
-- which a thumbnail is forgotten cannot be described again: it keeps its place, and what was found.
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
