"""The bank's answers, by callback and by nightly state file."""
