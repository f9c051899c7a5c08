"""Receipts drawn by us, altered by us, and the command that tells how many copies are found."""
