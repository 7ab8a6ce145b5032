"""Policies of the previous system: kept apart, without dates (domain 5; G19 60, 61)."""
