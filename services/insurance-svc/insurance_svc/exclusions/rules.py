"""Why the population office (人口办) keeps members out of a centralized list (domain 5). No input or output here."""

from collections.abc import Mapping, Sequence

from unioncard.contracts.cards import ExclusionReason

CHUNK = 1000
"""So many members are asked about at once: what one question to the office can hold."""

LABELS: Mapping[ExclusionReason, str] = {
    ExclusionReason.RETIRED: "市人口办登记为已退休",
    ExclusionReason.DECEASED: "市人口办登记为已死亡",
}


def by_member(asked: Sequence[int], excluded: Mapping[ExclusionReason, Sequence[int]]) -> dict[int, ExclusionReason]:
    """The reason of each excluded member; only of those asked about, since of others nothing was said."""
    wanted = frozenset(asked)
    return {one: reason for reason, members in excluded.items() for one in members if one in wanted}
