"""The slice under fire: every process is killed, every message may come twice, the partners misbehave.

A run is drawn from its seed (:mod:`tests.faults.plan`): unions take rosters all the way to cards while it happens, and
afterwards the audit and the members' card logs must say that nothing was lost and nothing counted twice.
"""
