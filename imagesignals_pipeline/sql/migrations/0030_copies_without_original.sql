-- Copies whose original is gone, of the pipeline's rows alone: every batch asks for these, and another
-- program may have left thousands of copies of nothing.
drop index if exists imagesignals_copies_without_original;
create index imagesignals_copies_without_original on payment_image_signals (payment_submission_id)
where duplicate_detected and similar_to_payment_id is null and written_by_pipeline;
