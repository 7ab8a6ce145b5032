"""Campaigns: opened, extended, closed; and what their workflows ask."""
