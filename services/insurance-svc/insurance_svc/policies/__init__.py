"""Policies: who is covered on which days."""
