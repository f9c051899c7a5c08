-- Marks of fewer bits, which more copies keep. Where marks are kept, placing pictures again makes
-- them: comparisons are kept, and the next run goes over all pictures as after a new version.
do $$
begin
    if exists (select from image_marks) then
        truncate image_marks, image_pictures;
    end if;
end
$$;
