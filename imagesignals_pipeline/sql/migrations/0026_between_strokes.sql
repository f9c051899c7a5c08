-- Two receipts with a highlighter's bands or a pen's rings over all that differs, a list or a thread that grew, and two
-- pages of small print were taken for one by earlier versions. The next run compares anew what it can: what was found
-- about a picture whose thumbnail is forgotten stays.
with doubtful as (
    delete from image_matches as match
    where match.same_picture
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
