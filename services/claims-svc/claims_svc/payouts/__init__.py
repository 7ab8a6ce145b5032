"""Payouts: gathered into batches, sent to the bank once, answered, returned and put right."""
