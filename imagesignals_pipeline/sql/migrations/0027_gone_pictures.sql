-- What describes a picture goes with the last submission that shows it. Until now it stayed.
delete from image_pictures
where first_id is null;
