"""The bank pays: payout batches in, answers out by callback and by the nightly payout file."""
