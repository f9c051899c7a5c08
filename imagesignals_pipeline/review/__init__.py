"""What the committee looks at: copies beside their originals, as a page and as a report."""
