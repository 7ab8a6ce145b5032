"""Whom the population office keeps out of a centralized list (domain 5). No input or output here."""

from collections.abc import Mapping

from unioncard.contracts.cards import ExclusionReason

# What the office says, in its own words. Everything else is in order, also what the office does not know.
_EXCLUDES = {"retired": ExclusionReason.RETIRED, "deceased": ExclusionReason.DECEASED}


def excluded(statuses: Mapping[int, str]) -> dict[ExclusionReason, list[int]]:
    """Members by why they are excluded, in order of their ids.

    In service is who is neither retired nor deceased. Decision: drawing unemployment benefit is the social-security
    office's to say and keeps nobody out; the documents name the population office alone.
    """
    found: dict[ExclusionReason, list[int]] = {}
    for member_id, status in sorted(statuses.items()):
        if reason := _EXCLUDES.get(status):
            found.setdefault(reason, []).append(member_id)
    return found
