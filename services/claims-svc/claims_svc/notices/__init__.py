"""Notices to unions, districts and the centre."""
