"""What must hold of the unions' lists: what the clients were told is what is recorded, each judged by when it came.

Pure: from what was sent, witnessed and recorded to differences in words.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.faults.season.plan import HEADS, MIDNIGHT, Kind
from tests.faults.season.witness import Attempt, Sent

TOO_LATE = "phase-closed"
#: A request was with the service when the brink was reached if it was sent so long before.
MARGIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Recorded:
    """A list as insurance-svc has it. Sums are fee, subsidy, district's and union's part, in fen."""

    id: int
    union_id: int
    class_code: str
    state: str
    submitted_at: datetime
    members: tuple[int, ...]
    sums: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Lists:
    """Everything there is to judge. ``on_the_brink_s`` as of :class:`tests.faults.season.rush.Rush`."""

    sent: Sequence[Sent]
    attempts: Sequence[Attempt]
    recorded: Sequence[Recorded]
    on_the_brink_s: float

    def differences(self) -> list[str]:
        """All of them; empty if every client was told the truth and every deadline kept."""
        tries: dict[str, list[Attempt]] = {one.key: [] for one in self.sent}
        for attempt in self.attempts:
            if attempt.key in tries:
                tries[attempt.key].append(attempt)
        lists: dict[tuple[int, tuple[int, ...]], list[Recorded]] = {}
        for one in self.recorded:
            lists.setdefault((one.union_id, tuple(sorted(one.members))), []).append(one)
        found = [*self._unasked(lists)]
        for sent in self.sent:
            there = lists.get((sent.union_id, tuple(sorted(sent.members))), [])
            found += [f"{sent.who}, {sent.key}: {what}" for what in self._of(sent, tries[sent.key], there)]
        return found

    def counts(self) -> Counter[str]:
        """How the lists fared: ``accepted``, ``refused``, ``unanswered``; and ``in_flight`` at midnight for sure."""
        counted: Counter[str] = Counter()
        for sent in self.sent:
            tries = [one for one in self.attempts if one.key == sent.key]
            if any(one.made for one in tries):
                counted["accepted"] += 1
            elif any(one.refusal for one in tries):
                counted["refused"] += 1
            else:
                counted["unanswered"] += 1
            counted["in_flight"] += any(self._surely_in_flight(one) for one in tries)
        return counted

    def _unasked(self, lists: Mapping[tuple[int, tuple[int, ...]], Sequence[Recorded]]) -> Iterator[str]:
        wanted = {(one.union_id, tuple(sorted(one.members))) for one in self.sent}
        for key in lists.keys() - wanted:
            yield f"list {lists[key][0].id} of union {key[0]} is recorded, and nobody sent it"

    def _of(self, sent: Sent, tries: Sequence[Attempt], there: Sequence[Recorded]) -> Iterator[str]:
        told = {one.made for one in tries if one.made}
        yield from self._told(tries, told, {one.id for one in there})
        for one in there:
            yield from _priced(sent, one)
            if sent.kind is not Kind.MENDED and one.submitted_at >= MIDNIGHT:
                yield f"list {one.id} is in, received at {one.submitted_at.isoformat()}, after the window"
            if tries and one.submitted_at < min(attempt.sent for attempt in tries):
                yield f"list {one.id} was received at {one.submitted_at.isoformat()}, before it was sent"
        if sent.kind is not Kind.MENDED:
            yield from self._in_time(tries, bool(told or there))

    def _told(self, tries: Sequence[Attempt], told: set[int], there: set[int]) -> Iterator[str]:
        if missing := sorted(told - there):
            yield f"the client was told of lists {missing}, which are not there"
        if len(told) > 1:
            yield f"the client was told of lists {sorted(told)}: one request made several"
        if len(there) > 1:
            yield f"it is recorded {len(there)} times"
        refusals = {one.refusal for one in tries if one.refusal}
        if refusals - {TOO_LATE}:
            yield f"refused as {sorted(refusals)}"
        if there and not told and refusals and all(one.status is not None for one in tries):
            yield f"the client was told {sorted(refusals)}, yet list {sorted(there)} is recorded"

    def _in_time(self, tries: Sequence[Attempt], is_in: bool) -> Iterator[str]:
        for one in tries:
            came_in_time = self._surely_in_flight(one) or (one.answered is not None and one.answered < MIDNIGHT)
            if one.refusal == TOO_LATE and came_in_time:
                yield f"refused as late, though it came before midnight (sent at {one.sent.isoformat()})"
        if is_in and tries and min(one.sent for one in tries) >= MIDNIGHT:
            yield f"taken in, though it was first sent at {min(one.sent for one in tries).isoformat()}"

    def _surely_in_flight(self, one: Attempt) -> bool:
        """It had reached the service before midnight, and was answered by it after."""
        return (
            one.status is not None
            and one.sent < MIDNIGHT
            and one.answered is not None
            and one.answered >= MIDNIGHT
            and one.sent_s + MARGIN_S <= self.on_the_brink_s
        )


def _priced(sent: Sent, one: Recorded) -> Iterator[str]:
    """A list costs its heads times what a head costs (domain 5)."""
    head, heads = HEADS[sent.class_code], len(sent.members)
    wanted = tuple(heads * fen for fen in (head.fee, head.subsidy, head.district, head.union))
    if one.class_code != sent.class_code or one.sums != wanted:
        yield f"list {one.id} costs {one.sums} in class {one.class_code}, wanted {wanted} in {sent.class_code}"
