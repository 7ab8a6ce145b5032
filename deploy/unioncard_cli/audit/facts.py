"""What the auditor was told, as plain data: by each service, the bank, Temporal and Kafka."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Tally:
    """One union's rows in a service: how many, and a sum that changes when any id, version or state does."""

    count: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Crossings:
    """What lies between a service and the others. All of it is zero once everything has settled."""

    outbox_waiting: int
    outbox_refused: int
    inbox_running: int
    partner_calls_waiting: int


@dataclass(frozen=True, slots=True)
class ServiceBatch:
    """A card batch as card-svc knows it."""

    number: str
    members: int
    waiting: int
    issued: int
    failed: int
    unaccounted: int
    accepted: bool
    refused: bool
    closed: bool

    @property
    def ended(self) -> bool:
        """Nothing is waited for any more, so its workflow must have ended."""
        return self.closed or self.refused or (self.waiting == 0 and self.unaccounted == 0)


@dataclass(frozen=True, slots=True)
class BankBatch:
    """A card batch as the bank remembers it."""

    number: str
    members: int
    issued: int
    failed: int
    conflicting_repeats: int
    answered: bool


@dataclass(frozen=True, slots=True)
class PremiumBatch:
    """A district's premium batch as insurance-svc knows it; ``scheme`` names the calendar."""

    number: str
    scheme: str
    state: str
    heads: int
    due_fen: int
    received_fen: int

    @property
    def ended(self) -> bool:
        """Written off, returned or void: its workflow must have ended."""
        return self.state in ("written_off", "returned", "voided")


@dataclass(frozen=True, slots=True)
class CampaignFact:
    """A campaign: ``planned``, ``open`` or ``closed``."""

    scheme: str
    year: int
    state: str

    @property
    def id(self) -> str:
        """Its workflow's id."""
        return f"campaign/{self.scheme}/{self.year}"


@dataclass(frozen=True, slots=True)
class ClaimFact:
    """A claim as claims-svc knows it."""

    number: str
    state: str

    @property
    def ended(self) -> bool:
        """Nothing is waited for any more, so its workflow must have ended."""
        return self.state in ("closed", "lapsed", "withdrawn")


@dataclass(frozen=True, slots=True)
class PayoutBatch:
    """A payout batch as claims-svc knows it, without the payouts that were left out of it."""

    number: str
    state: str
    payouts: int
    amount_fen: int
    paid: int
    returned: int


@dataclass(frozen=True, slots=True)
class BankPayouts:
    """A payout batch as the bank remembers it."""

    payouts: int = 0
    amount_fen: int = 0
    paid: int = 0
    returned: int = 0


@dataclass(frozen=True, slots=True)
class WorkflowFact:
    """An execution in Temporal: ``status`` as Temporal names it, ``trouble`` what keeps it from going on."""

    id: str
    status: str
    started_at: datetime
    trouble: str | None = None


@dataclass(slots=True)
class Facts:
    """Everything the checks look at.

    ``source`` is by noun, ``copies`` by reader and noun, each by union. ``broken`` counts, by service and law, rows
    that contradict one another. ``losses`` and ``settled`` are fen by district and coverage year: what claims-svc has
    paid, and what insurance-svc counts.
    """

    member_states: dict[str, int] = field(default_factory=dict)
    members_total: int = 0
    card_states: dict[str, int] = field(default_factory=dict)
    cards_total: int = 0
    source: dict[str, dict[str, Tally]] = field(default_factory=dict)
    copies: dict[tuple[str, str], dict[str, Tally]] = field(default_factory=dict)
    crossings: dict[str, Crossings] = field(default_factory=dict)
    batches: dict[str, ServiceBatch] = field(default_factory=dict)
    bank_batches: dict[str, BankBatch] = field(default_factory=dict)
    bank_anomalies: dict[str, int] = field(default_factory=dict)
    cards_with_number: int = 0
    bank_cards: int = 0
    card_lives: dict[str, int] = field(default_factory=dict)
    bank_accounts: dict[str, int] = field(default_factory=dict)
    set_aside: int = 0
    astray: int = 0
    open_checks: set[str] = field(default_factory=set)
    insured_total: int = 0
    insured_states: dict[str, int] = field(default_factory=dict)
    policies_standing: int = 0
    trial_balances: dict[str, int] = field(default_factory=dict)
    broken: dict[str, dict[str, int]] = field(default_factory=dict)
    premium_batches: dict[str, PremiumBatch] = field(default_factory=dict)
    campaigns: list[CampaignFact] = field(default_factory=list)
    claimant_states: dict[str, int] = field(default_factory=dict)
    claimants_total: int = 0
    claims: dict[str, ClaimFact] = field(default_factory=dict)
    payout_batches: dict[str, PayoutBatch] = field(default_factory=dict)
    paid_fen: int = 0
    losses: dict[tuple[int, int], int] = field(default_factory=dict)
    settled: dict[tuple[int, int], int] = field(default_factory=dict)
    bank_payouts: dict[str, BankPayouts] = field(default_factory=dict)
    bank_paid_fen: int = 0
    workflows: dict[str, WorkflowFact] = field(default_factory=dict)
    open_dead_letters: list[str] = field(default_factory=list)
    lag: dict[str, int] = field(default_factory=dict)
