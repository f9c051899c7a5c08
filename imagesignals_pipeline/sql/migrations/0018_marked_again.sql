-- Of two pictures that were taken for one of which somebody marked a copy some show other payments: an
-- earlier version did not look at what stands under and beside strokes. The next run compares them anew.
insert into image_rechecks (picture)
select picture.number
from image_pictures as picture
where picture.pixels_sha256 in (
    select match.pixels_a
    from image_matches as match
    where match.same_picture and match.explanation like '%marked%'
    union
    select match.pixels_b
    from image_matches as match
    where match.same_picture and match.explanation like '%marked%'
)
on conflict do nothing;

delete from image_matches
where same_picture and explanation like '%marked%';
