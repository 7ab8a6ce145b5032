"""What claims must come to, worked out from the rules and not from the service (domain 6).

Kept beside the service by a test that does at random what unions, the centre and the bank do. Nothing of the service is
imported: money is what was asked for, what a reviewer allowed, and what the bank said of each attempt to pay.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone

NIGHT_FEN = 6000
MOST_NIGHTS = 180
FOUR_EYES_ABOVE = 2_000_000
APPEAL_DAYS = 60
MOST_RETURNS = 2
SHANGHAI = timezone(timedelta(hours=8))


@dataclass
class Payout:
    """An attempt to pay. ``known_at``: when the bank knew what it said last."""

    number: str
    batch: str
    claim: str
    fen: int
    state: str = "waiting"
    known_at: datetime | None = None


@dataclass
class Claim:
    """A claim; of a stay in hospital with the nights asked for and those that count."""

    number: str
    member: int
    event: str | None
    nights: frozenset[date]
    counted: frozenset[date]
    claimed: int
    payable: int
    state: str
    standing: bool
    approved: int = 0
    refused: int = 0
    round: int = 0
    appeal_until: datetime | None = None
    judges: frozenset[int] = frozenset()
    proposed: tuple[int, int] | None = None
    """Who decided what (fen), while it waits for the second pair of eyes."""

    @property
    def most(self) -> int:
        """The most that may be approved: on an appeal a person may overrule the rules, but for nights."""
        return self.claimed if self.round and not self.nights else self.payable


@dataclass
class Money:
    """All claims and payouts, and the day."""

    now: datetime
    claims: dict[str, Claim] = field(default_factory=dict)
    payouts: dict[str, Payout] = field(default_factory=dict)

    def others(self, member: int, but: str = "") -> list[Claim]:
        """Claims of a member that stand, but for one."""
        return [one for one in self.claims.values() if one.member == member and one.standing and one.number != but]

    def taken(self, member: int, but: str = "") -> frozenset[date]:
        """Nights that other claims count."""
        return frozenset[date]().union(*(one.counted for one in self.others(member, but)))

    def may_file(self, member: int, event: str | None) -> bool:
        """The same event once; of nights only those count that nobody has counted."""
        return event is None or all(one.event != event for one in self.others(member))

    def file(self, number: str, member: int, event: str | None, nights: frozenset[date], fen: int, fits: bool) -> Claim:
        """A claim with all its papers, as the rules leave it. ``fits``: the rules find nothing against it."""
        counted = frozenset[date]()
        if event is None:
            taken = self.taken(member)
            counted = frozenset(sorted(nights - taken)[: max(0, MOST_NIGHTS - len(taken))])
            fen, payable = len(nights) * NIGHT_FEN, len(counted) * NIGHT_FEN
        else:
            payable = fen if fits else 0
        claim = Claim(number, member, event, nights, counted, fen, payable, "adjudicating", True)
        if not payable:
            self._refuse(claim, frozenset())
        self.claims[number] = claim
        return claim

    def may_take(self, claim: Claim, account: int) -> bool:
        """Nobody hears an appeal against his own decision."""
        return claim.round == 0 or account not in claim.judges

    def may_appeal(self, claim: Claim) -> bool:
        """Something was refused, in time, and nobody else has the event or the nights now."""
        if claim.appeal_until is None or self.now >= claim.appeal_until:
            return False
        if claim.state == "paid":
            return claim.refused > 0
        taken = self.taken(claim.member, claim.number)
        free = self.may_file(claim.member, claim.event) and not claim.counted & taken
        return claim.state == "refused" and free and len(taken | claim.counted) <= MOST_NIGHTS

    def appeal(self, claim: Claim) -> None:
        """It is reviewed anew; what was approved stays approved."""
        claim.state, claim.standing, claim.refused, claim.appeal_until = "adjudicating", True, 0, None
        claim.round += 1

    def needs_second(self, claim: Claim, fen: int) -> bool:
        """Much is at stake, or the rules are overruled."""
        return claim.claimed > FOUR_EYES_ABOVE or fen > claim.payable

    def decide(self, claim: Claim, fen: int, judges: frozenset[int]) -> None:
        """A decision takes effect; nothing that was approved is taken back."""
        claim.proposed = None
        kept = claim.approved
        claim.approved = max(fen, kept)
        if not claim.approved:
            self._refuse(claim, judges)
            return
        claim.refused, claim.judges = claim.claimed - claim.approved, judges
        claim.state = "to_pay" if self.owed(claim) else "paid"
        claim.appeal_until = self._appeal_until()

    def _refuse(self, claim: Claim, judges: frozenset[int]) -> None:
        claim.state, claim.standing, claim.refused, claim.judges = "refused", False, claim.claimed, judges
        claim.appeal_until = self._appeal_until()

    def _appeal_until(self) -> datetime:
        day = self.now.astimezone(SHANGHAI).date() + timedelta(days=APPEAL_DAYS + 1)
        return datetime.combine(day, time(), SHANGHAI)

    def out(self, claim: Claim, *states: str) -> int:
        """What went out for a claim and is in one of these states."""
        return sum(one.fen for one in self.payouts.values() if one.claim == claim.number and one.state in states)

    def owed(self, claim: Claim) -> int:
        """Approved, and neither paid nor on its way."""
        return claim.approved - self.out(claim, "waiting", "paid")

    def returns(self, claim: Claim) -> int:
        """How often the bank sent its money back."""
        return sum(one.claim == claim.number and one.state == "returned" for one in self.payouts.values())

    def send(self, number: str, batch: str, claim: Claim, *, reachable: bool) -> None:
        """An attempt to pay all that is owed; where no money can arrive, nothing goes out."""
        owed = self.owed(claim)
        self.payouts[number] = Payout(number, batch, claim.number, owed, "waiting" if reachable else "left_out")
        claim.state = "paying" if reachable else "returned"

    def hear(self, payout: Payout, status: str, at: datetime) -> str:
        """What the bank says of a payout: news, a repeat, or something that fits nothing (``aside``)."""
        if payout.state == "left_out":
            return "aside"
        later = payout.known_at is None or at > payout.known_at
        if payout.state == status:
            return "repeat"
        if payout.state == "returned":
            return "aside" if later else "repeat"
        if payout.state == "paid" and not later:
            return "aside"
        payout.state, payout.known_at = status, at
        claim = self.claims[payout.claim]
        # A claim that is reviewed, or waits to be paid, stays where it is: what is owed goes out with the next batch.
        if claim.state in ("paying", "paid", "closed") and not self.out(claim, "waiting"):
            claim.state = "returned" if self.owed(claim) else "paid"
        return "news"
