"""Counts and checksums by which an operator compares services."""
