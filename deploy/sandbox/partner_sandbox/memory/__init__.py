"""What the sandbox was sent and what it did with it, for tests and for the audit."""
