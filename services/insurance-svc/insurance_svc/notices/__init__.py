"""Notices to unions and districts."""
