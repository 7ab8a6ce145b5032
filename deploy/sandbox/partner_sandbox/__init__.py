"""The partners of the platform, for tests and trials: bank, population office and social-security office.

A program of its own with its own store. It does what real partners do, misbehaviour included, and remembers all that
it was sent.
"""
