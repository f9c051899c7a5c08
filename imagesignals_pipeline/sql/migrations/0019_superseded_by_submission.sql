-- Without it every deleted submission would scan all rows that were moved aside (ON DELETE CASCADE).
create index payment_image_signals_superseded_by_submission
    on payment_image_signals_superseded (payment_submission_id);
