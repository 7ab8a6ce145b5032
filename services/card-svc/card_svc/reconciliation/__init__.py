"""Counts and checksums that let an operator prove that nothing was lost."""
