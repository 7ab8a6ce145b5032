"""Rosters in Excel: read, checked whole, kept until the superior decides (domain 3, C20)."""
