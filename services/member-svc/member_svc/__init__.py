"""Organisations, accounts, members, imports and their approvals."""
