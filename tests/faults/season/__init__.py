"""A season under fire: the last two hours of the unions' window and all that follows, while processes are killed.

A run is drawn from its seed (:mod:`tests.faults.season.plan`). Every request is witnessed: when it was sent, by the
business clock, and what was answered. Afterwards what the clients were told must be what is recorded, each list judged
by when it came, and all money accounted for.
"""
