"""Untrusted Excel files, read by a process of their own; only services that take them depend on the reader."""
