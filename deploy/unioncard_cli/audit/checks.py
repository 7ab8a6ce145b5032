"""The conservation laws, each a pure function from facts to differences that say what, where and what to do."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from unioncard_cli.audit.facts import Facts, ServiceBatch, Tally, WorkflowFact


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not add up. ``settles``: it may only be under way, and looking again may clear it."""

    law: str
    where: str
    what: str
    remedy: str
    settles: bool = True


Check = Callable[[Facts], Iterator[Difference]]


def one_state_each(facts: Facts) -> Iterator[Difference]:
    """Each member is in exactly one state, in every service."""
    for where, states, total in (
        ("member-svc", facts.member_states, facts.members_total),
        ("card-svc", facts.card_states, facts.cards_total),
        ("insurance-svc", facts.insured_states, facts.insured_total),
        ("claims-svc", facts.claimant_states, facts.claimants_total),
    ):
        counted = sum(states.values())
        if counted != total:
            what = f"{total} members, but their states add up to {counted}"
            yield Difference("one state each", where, what, "look for rows with an unknown state", settles=False)
    if facts.astray:
        what = f"{facts.astray} members whose card state disagrees with their to-do record, batch or account"
        yield Difference("one state each", "card-svc", what, "see the member's card log", settles=False)


#: Whose facts the copies are of.
_SOURCES = {"members": "member-svc", "organisations": "member-svc", "cards": "card-svc"}


def members_in_members_out(facts: Facts) -> Iterator[Difference]:
    """Every copy of another service's facts equals its source, union by union."""
    for (reader, name), copy in facts.copies.items():
        source = facts.source.get(name, {})
        for union in sorted(source.keys() | copy.keys()):
            ours, theirs = source.get(union), copy.get(union)
            if ours != theirs:
                remedy = f"if it stays: unioncard run {_SOURCES[name]} republish brings what is missing or older; "
                remedy += "for rows that differ at the same version see docs/operations.md, 'A copy differs'"
                where = f"{reader}: {name}, union {union}"
                yield Difference("copies equal their source", where, _versus(ours, theirs), remedy)


def _versus(source: Tally | None, copy: Tally | None) -> str:
    if source is None:
        return f"the copy has {copy.count if copy else 0} rows, the source none"
    if copy is None:
        return f"the source has {source.count} rows, the copy none"
    if source.count != copy.count:
        return f"the source has {source.count} rows, the copy {copy.count}"
    return f"{source.count} rows each, but their content differs"


def a_request_per_batch(facts: Facts) -> Iterator[Difference]:
    """The bank got each batch once, whole, and none that is not ours."""
    law = "a bank request per batch"
    for number, batch in facts.batches.items():
        at_bank = facts.bank_batches.get(number)
        if at_bank is None:
            if not batch.refused:
                yield Difference(law, number, "the bank never got it", f"look at workflow card-batch/{number}")
            continue
        if not batch.accepted and not batch.ended:
            yield Difference(law, number, "the bank has it, its receipt is not here", "is the dispatcher up?")
        if at_bank.members != batch.members:
            what = f"{batch.members} members here, {at_bank.members} at the bank"
            yield Difference(law, number, what, "compare the register with the bank's list", settles=False)
        if at_bank.conflicting_repeats:
            what = f"sent again with other content {at_bank.conflicting_repeats} times"
            yield Difference(law, number, what, "a batch must never change once submitted", settles=False)
    for number in sorted(facts.bank_batches.keys() - facts.batches.keys()):
        yield Difference(law, number, "the bank has a batch that nobody submitted", "ask the bank who sent it")


def a_card_per_success(facts: Facts) -> Iterator[Difference]:
    """Members of a batch are all accounted for, the bank says the same, and nobody got two cards."""
    law = "a card per success"
    for number, batch in facts.batches.items():
        if batch.waiting + batch.issued + batch.failed != batch.members:
            what = f"{batch.members} members, but {batch.waiting} + {batch.issued} + {batch.failed} outcomes"
            yield Difference(law, number, what, "look at the batch's members", settles=False)
        at_bank = facts.bank_batches.get(number)
        if (
            at_bank is not None
            and at_bank.answered
            and (at_bank.issued, at_bank.failed) != (batch.issued, batch.failed)
        ):
            here, there = f"{batch.issued} issued and {batch.failed} failed", f"{at_bank.issued} and {at_bank.failed}"
            what = f"{here} here, {there} at the bank"
            yield Difference(law, number, what, "the nightly fetch takes over what a callback did not bring")
    if facts.cards_with_number != facts.bank_cards:
        what = f"{facts.cards_with_number} cards here, {facts.bank_cards} at the bank"
        yield Difference(
            law, "all batches", what, "the nightly fetch takes over what is missing; see set-aside answers"
        )
    if double := facts.bank_anomalies.get("double_issues", 0):
        what = f"the bank made a second card for {double} members"
        yield Difference(law, "bank", what, "find the two batches of each member", settles=False)


def lives_as_at_the_bank(facts: Facts) -> Iterator[Difference]:
    """Whatever happened to a card at the bank is known here."""
    for state in sorted(facts.card_lives.keys() | facts.bank_accounts.keys()):
        here, there = facts.card_lives.get(state, 0), facts.bank_accounts.get(state, 0)
        if here != there:
            what = f"{here} accounts here are {state}, {there} at the bank"
            remedy = "the nightly fetch takes over what callbacks did not bring; see set-aside answers"
            yield Difference("cards live as the bank says", "card-svc", what, remedy)


def nothing_left_behind(facts: Facts) -> Iterator[Difference]:
    """Nothing waits in an outbox, an inbox, a topic or among the dead letters."""
    law = "nothing left behind"
    for service, left in facts.crossings.items():
        for count, what, remedy in (
            (left.outbox_waiting, "messages in the outbox", "is Kafka up? see outbox_oldest_age_seconds"),
            (left.inbox_running, "commands begun and not answered", "is the partner up? see partner_calls_waiting"),
            (left.partner_calls_waiting, "calls to partners not answered", "is the partner up?"),
        ):
            if count:
                yield Difference(law, service, f"{count} {what}", remedy)
        if left.outbox_refused:
            what = f"{left.outbox_refused} messages that the broker refuses"
            yield Difference(law, service, what, "see the column outbox.refused", settles=False)
    for letter in facts.open_dead_letters:
        yield Difference(law, letter, "a dead letter", "unioncard dead-letters show, mend, resend", settles=False)
    for group, lag in facts.lag.items():
        if lag:
            yield Difference(law, group, f"{lag} messages not yet handled", "see consumer_lag; is the consumer up?")


#: What services count of themselves, by law: what is wrong with such a row, and where to look.
OWN_LAWS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "insurance-svc": {
        "double_cover": (
            "members with two policies for one day",
            "see the members' policies; void one with its list",
        ),
        "days_astray": ("policies whose days are not those of the calendar", "see the members' policies"),
        "lines_astray": (
            "lines of the bank's statements that the ledger does not hold",
            "see statement lines and ledger",
        ),
        "statements_astray": ("days of the account that are not the sum of their lines", "see the day's statement"),
        "lists_astray": (
            "lists whose heads are not their policies, or whose sums are not their prices",
            "see the lists",
        ),
        "classes_astray": ("unions whose class of a year is not that of their lists", "see the unions' lists"),
        "batches_astray": ("premium batches that are not the sum of their lists", "see the batches' lists"),
        "postings_astray": ("postings of the ledger that do not add up to zero", "see the ledger"),
        "districts_astray": (
            "districts whose balance is not what their batches say",
            "see ledger and statement lines",
        ),
    },
    "claims-svc": {
        "claims_astray": ("claims that are not the sum of their parts", "see the claims' parts"),
        "paid_too_much": ("parts of claims paid beyond what was approved", "see the claims' payouts; ask the bank"),
        "unpaid_astray": ("claims whose state is not that of their payouts", "see the claims' payouts"),
        "payouts_astray": ("payouts that are not the sum of their parts", "see the payouts' parts"),
        "payout_batches_astray": ("payout batches that are not the sum of their payouts", "see the batches"),
        "postings_astray": ("postings of the ledger that do not add up to zero", "see the ledger"),
        "books_astray": ("books that differ from what was approved and paid", "see ledger and payouts"),
        "nights_astray": ("nights in hospital counted twice, or beyond a policy's maximum", "see the claims' days"),
    },
}


def cover_and_money_add_up(facts: Facts) -> Iterator[Difference]:
    """One policy a member and day, a policy a head, batches the sum of their lists, claims the sum of their parts, and
    ledgers that balance."""
    law = "cover and money add up"
    for service, counts in facts.broken.items():
        for name, count in counts.items():
            if count:
                what, remedy = OWN_LAWS[service][name]
                yield Difference(law, service, f"{count} {what}", remedy, settles=False)
    for service, balance in facts.trial_balances.items():
        if balance:
            yield Difference(law, service, f"the trial balance is {balance} fen", "see the ledger", settles=False)
    for number, batch in facts.premium_batches.items():
        if not 0 <= batch.received_fen <= batch.due_fen or (
            batch.state == "written_off" and batch.received_fen != batch.due_fen
        ):
            what = f"{batch.state}, with {batch.received_fen} of {batch.due_fen} fen received"
            yield Difference(law, number, what, "see the statement lines of the batch", settles=False)


def every_fen_paid_once(facts: Facts) -> Iterator[Difference]:
    """The bank has each payout batch once and whole, answers alike, and has paid to the fen what claims-svc says."""
    law = "every fen paid once"
    for number, batch in facts.payout_batches.items():
        at_bank = facts.bank_payouts.get(number)
        if at_bank is None:
            if batch.payouts and batch.state in ("sent", "done"):
                yield Difference(law, number, "the bank never got it", f"look at workflow payout-batch/{number}")
            continue
        if (at_bank.payouts, at_bank.amount_fen) != (batch.payouts, batch.amount_fen):
            here = f"{batch.payouts} payouts of {batch.amount_fen} fen here"
            what = f"{here}, {at_bank.payouts} of {at_bank.amount_fen} at the bank"
            yield Difference(law, number, what, "compare the batch with the bank's list", settles=False)
        elif (at_bank.paid, at_bank.returned) != (batch.paid, batch.returned):
            here = f"{batch.paid} paid and {batch.returned} returned here"
            what = f"{here}, {at_bank.paid} and {at_bank.returned} at the bank"
            yield Difference(law, number, what, "the nightly file takes over what a callback did not bring")
    for number in sorted(facts.bank_payouts.keys() - facts.payout_batches.keys()):
        yield Difference(law, number, "the bank has a payout batch that nobody sent", "ask the bank who sent it")
    if facts.paid_fen != facts.bank_paid_fen:
        what = f"{facts.paid_fen} fen paid here, {facts.bank_paid_fen} at the bank"
        yield Difference(law, "all payouts", what, "the nightly file takes over what is missing; see set-aside answers")
    if again := facts.bank_anomalies.get("payouts_again", 0):
        what = f"{again} payouts were sent again in another batch; the bank paid them once"
        yield Difference(law, "bank", what, "find both batches of each payout", settles=False)


def losses_are_settled(facts: Facts) -> Iterator[Difference]:
    """insurance-svc settles each district's year with the losses that claims-svc has paid."""
    law = "losses are settled"
    for district, year in sorted(facts.losses.keys() | facts.settled.keys()):
        paid, settled = facts.losses.get((district, year), 0), facts.settled.get((district, year), 0)
        if paid != settled:
            what = f"{paid} fen paid, {settled} fen counted by insurance-svc"
            yield Difference(law, f"district {district}, {year}", what, "is insurance-svc's consumer up?")


def a_workflow_per_claim(facts: Facts) -> Iterator[Difference]:
    """Every claim and payout batch that waits has its workflow, which ends with it."""
    law = "a workflow per claim"
    for number, claim in facts.claims.items():
        yield from _mirrored(law, f"claim/{number}", facts, ended=claim.ended)
    for number, batch in facts.payout_batches.items():
        yield from _mirrored(law, f"payout-batch/{number}", facts, ended=batch.state == "done")
    for id_ in facts.workflows:
        kind, _, name = id_.partition("/")
        if (kind == "claim" and name not in facts.claims) or (
            kind == "payout-batch" and name not in facts.payout_batches
        ):
            yield Difference(law, id_, f"a workflow for a {kind} that does not exist", "who started it?")


def a_workflow_per_payment(facts: Facts) -> Iterator[Difference]:
    """Every open campaign and premium batch has its workflow, which ends with it. Members' own batches have none."""
    law = "a workflow per payment"
    for campaign in facts.campaigns:
        if campaign.state != "planned":
            yield from _mirrored(law, campaign.id, facts, ended=campaign.state == "closed")
    for number, batch in facts.premium_batches.items():
        if batch.scheme != "personal":
            yield from _mirrored(law, f"premium-payment/{number}", facts, ended=batch.ended)
    for id_ in facts.workflows:
        kind, _, name = id_.partition("/")
        if kind == "premium-payment" and name not in facts.premium_batches:
            yield Difference(law, id_, "a workflow for a batch that does not exist", "who started it?")


def _mirrored(law: str, id_: str, facts: Facts, *, ended: bool) -> Iterator[Difference]:
    found = facts.workflows.get(id_)
    if found is None:
        if not ended:  # Temporal forgets workflows that have ended long ago
            yield Difference(law, id_, "it has no workflow", "is the bridge up? a campaign: trigger campaigns-daily")
    elif ended and found.status == "Running":
        yield Difference(law, id_, "it is over, yet its workflow waits", "see its current details")
    elif not ended and found.status == "Completed":
        yield Difference(law, id_, "its workflow ended although it is not over", "report it", settles=False)


def no_workflow_stuck(facts: Facts) -> Iterator[Difference]:
    """Every batch and open check has its workflow, which has ended if they have; none failed, none is stuck."""
    law = "no workflow stuck"
    for number, batch in facts.batches.items():
        yield from _batch_workflow(law, batch, facts.workflows.get(f"card-batch/{number}"))
    for check in sorted(facts.open_checks):
        if f"card-check/{check}" not in facts.workflows:
            yield Difference(law, f"card-check/{check}", "the check has no workflow", "is the bridge up?")
    for id_, found in facts.workflows.items():
        kind, _, name = id_.partition("/")
        if found.status not in ("Running", "Completed", "ContinuedAsNew") and not (
            kind == "card-batch" and name in facts.batches and facts.batches[name].refused
        ):
            yield Difference(law, id_, f"ended as {found.status}", "see its history in the Temporal UI", settles=False)
        if found.trouble:
            yield Difference(law, id_, found.trouble, "see its pending activities in the Temporal UI")
        if kind == "card-batch" and name not in facts.batches:
            yield Difference(law, id_, "a workflow for a batch that does not exist", "who started it?")


def _batch_workflow(law: str, batch: ServiceBatch, found: WorkflowFact | None) -> Iterator[Difference]:
    id_ = f"card-batch/{batch.number}"
    if found is None:
        if not batch.ended:  # Temporal forgets workflows that have ended long ago
            yield Difference(law, id_, "the batch has no workflow", "is the bridge up?")
    elif batch.ended and found.status == "Running":
        yield Difference(law, id_, "everything is accounted for, yet it waits", "see its current details")
    elif not batch.ended and found.status == "Completed":
        yield Difference(law, id_, "it ended although the batch still waits", "report it", settles=False)


LAWS: tuple[Check, ...] = (
    one_state_each,
    members_in_members_out,
    a_request_per_batch,
    a_card_per_success,
    lives_as_at_the_bank,
    nothing_left_behind,
    cover_and_money_add_up,
    every_fen_paid_once,
    losses_are_settled,
    a_workflow_per_payment,
    a_workflow_per_claim,
    no_workflow_stuck,
)


def differences(facts: Facts) -> list[Difference]:
    """Every difference there is, law by law."""
    return [difference for law in LAWS for difference in law(facts)]
