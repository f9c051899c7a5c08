-- Of two pictures that were taken for one of which somebody marked a copy some show other payments: an
-- earlier version did not look at what stands under and beside strokes. The next run compares them anew,
-- where it can: what was found about a picture whose thumbnail is forgotten stays.
with doubtful as (
    delete from image_matches as match
    where match.same_picture
        and match.explanation like '%marked%'
        and exists (
            select
            from image_fingerprints as fingerprint
            where fingerprint.pixels_sha256 = match.pixels_a and length(fingerprint.payload) > 0
        )
        and exists (
            select
            from image_fingerprints as fingerprint
            where fingerprint.pixels_sha256 = match.pixels_b and length(fingerprint.payload) > 0
        )
    returning match.pixels_a, match.pixels_b
)

insert into image_rechecks (picture)
select picture.number
from image_pictures as picture
where picture.pixels_sha256 in (
    select doubtful.pixels_a
    from doubtful
    union
    select doubtful.pixels_b
    from doubtful
)
on conflict do nothing;
