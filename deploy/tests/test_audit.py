"""The audit's laws: facts that add up are passed, and every planted difference is named in words."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from unioncard_cli.audit.checks import LAWS, OWN_LAWS, differences
from unioncard_cli.audit.facts import (
    BankBatch,
    BankPayouts,
    CampaignFact,
    ClaimFact,
    Crossings,
    Facts,
    PayoutBatch,
    PremiumBatch,
    ServiceBatch,
    Tally,
    WorkflowFact,
)

DONE, OPEN, REFUSED = "cbc801202411050900", "cbc801202411050901", "cbc801202411050902"
PAID, DUE, OWN = "CB201912280001", "CB202002030001", "CB202002040001"
CAMPAIGN = "campaign/centralized/2020"
CLAIM, CLOSED, LAPSED = "GF80120200305000001", "GF80120200305000002", "GF80120200305000003"
PAYOUTS, GATHERED = "FK202003090001", "FK202003100001"
AT = datetime(2024, 11, 5, 1, 0, tzinfo=UTC)


def sound() -> Facts:
    """A federation of two unions: one batch handed out, one at the bank, one that the bank refused."""
    tallies = {"3": Tally(10, "123"), "4": Tally(5, "-77")}
    return Facts(
        member_states={"normal": 14, "left": 1},
        members_total=15,
        card_states={"issued": 7, "failed": 1, "in_batch": 3, "none": 4},
        cards_total=15,
        source={"members": dict(tallies), "organisations": dict(tallies), "cards": dict(tallies)},
        copies={
            ("member-svc", "cards"): dict(tallies),
            ("card-svc", "members"): dict(tallies),
            ("card-svc", "organisations"): dict(tallies),
            ("insurance-svc", "members"): dict(tallies),
            ("insurance-svc", "cards"): dict(tallies),
            ("insurance-svc", "organisations"): dict(tallies),
            ("claims-svc", "members"): dict(tallies),
            ("claims-svc", "organisations"): dict(tallies),
        },
        crossings={name: Crossings(0, 0, 0, 0) for name in ("member-svc", "card-svc", "insurance-svc", "claims-svc")},
        batches={
            DONE: ServiceBatch(DONE, 8, 0, 7, 1, 0, accepted=True, refused=False, closed=False),
            OPEN: ServiceBatch(OPEN, 3, 3, 0, 0, 0, accepted=True, refused=False, closed=False),
            REFUSED: ServiceBatch(REFUSED, 2, 2, 0, 0, 0, accepted=False, refused=True, closed=False),
        },
        bank_batches={
            DONE: BankBatch(DONE, 8, 7, 1, 0, answered=True),
            OPEN: BankBatch(OPEN, 3, 0, 0, 0, answered=False),
        },
        bank_anomalies={"double_issues": 0, "payouts_again": 0},
        cards_with_number=7,
        bank_cards=7,
        card_lives={"open": 4, "cancelled": 1},
        bank_accounts={"cancelled": 1, "open": 4},
        set_aside=2,
        open_checks={"chk1"},
        insured_total=15,
        insured_states={"normal": 14, "left": 1},
        policies_standing=9,
        trial_balances={"insurance-svc": 0, "claims-svc": 0},
        broken={service: dict.fromkeys(laws, 0) for service, laws in OWN_LAWS.items()},
        claimant_states={"normal": 14, "left": 1},
        claimants_total=15,
        claims={
            CLAIM: ClaimFact(CLAIM, "paying"),
            CLOSED: ClaimFact(CLOSED, "closed"),
            LAPSED: ClaimFact(LAPSED, "lapsed"),
        },
        payout_batches={
            PAYOUTS: PayoutBatch(PAYOUTS, "done", 2, 3_000_000, 1, 1),
            GATHERED: PayoutBatch(GATHERED, "gathered", 1, 1_000_000, 0, 0),
        },
        paid_fen=2_000_000,
        bank_payouts={PAYOUTS: BankPayouts(2, 3_000_000, 1, 1)},
        bank_paid_fen=2_000_000,
        losses={(801, 2020): 2_000_000},
        settled={(801, 2020): 2_000_000},
        premium_batches={
            PAID: PremiumBatch(PAID, "centralized", "written_off", 7, 9100, 9100),
            DUE: PremiumBatch(DUE, "instant", "passed", 2, 2600, 0),
            OWN: PremiumBatch(OWN, "personal", "passed", 1, 1300, 0),
        },
        campaigns=[
            CampaignFact("centralized", 2020, "open"),
            CampaignFact("centralized", 2019, "closed"),
            CampaignFact("centralized", 2021, "planned"),
        ],
        workflows={
            f"card-batch/{DONE}": WorkflowFact(f"card-batch/{DONE}", "Completed", AT),
            f"card-batch/{OPEN}": WorkflowFact(f"card-batch/{OPEN}", "Running", AT),
            f"card-batch/{REFUSED}": WorkflowFact(f"card-batch/{REFUSED}", "Failed", AT),
            "card-check/chk1": WorkflowFact("card-check/chk1", "Running", AT),
            CAMPAIGN: WorkflowFact(CAMPAIGN, "Running", AT),
            f"premium-payment/{PAID}": WorkflowFact(f"premium-payment/{PAID}", "Completed", AT),
            f"premium-payment/{DUE}": WorkflowFact(f"premium-payment/{DUE}", "Running", AT),
            f"claim/{CLAIM}": WorkflowFact(f"claim/{CLAIM}", "Running", AT),
            f"claim/{CLOSED}": WorkflowFact(f"claim/{CLOSED}", "Completed", AT),
            f"payout-batch/{PAYOUTS}": WorkflowFact(f"payout-batch/{PAYOUTS}", "Completed", AT),
            f"payout-batch/{GATHERED}": WorkflowFact(f"payout-batch/{GATHERED}", "Running", AT),
            "bank-state-nightly-2024-11-05": WorkflowFact("bank-state-nightly-2024-11-05", "Completed", AT),
        },
        lag={"card-svc": 0, "workflows-bridge": 0},
    )


def test_facts_that_add_up() -> None:
    assert differences(sound()) == []


def test_an_empty_platform_adds_up() -> None:
    assert differences(Facts()) == []


def test_a_workflow_that_temporal_has_forgotten_is_no_difference_once_its_batch_has_ended() -> None:
    facts = sound()
    del facts.workflows[f"card-batch/{DONE}"]
    assert differences(facts) == []


def test_a_closed_batch_needs_no_more_answers() -> None:
    facts = sound()
    facts.batches[OPEN] = replace(facts.batches[OPEN], closed=True)
    _workflow(f"card-batch/{OPEN}", status="Completed")(facts)
    assert differences(facts) == []


Plant = Callable[[Facts], None]


def _batch(number: str, **changes: Any) -> Plant:
    def plant(facts: Facts) -> None:
        facts.batches[number] = replace(facts.batches[number], **changes)

    return plant


def _bank(number: str, **changes: Any) -> Plant:
    def plant(facts: Facts) -> None:
        facts.bank_batches[number] = replace(facts.bank_batches[number], **changes)

    return plant


def _workflow(id_: str, **changes: Any) -> Plant:
    def plant(facts: Facts) -> None:
        facts.workflows[id_] = replace(facts.workflows[id_], **changes)

    return plant


def _crossing(service: str, **changes: int) -> Plant:
    def plant(facts: Facts) -> None:
        facts.crossings[service] = replace(facts.crossings[service], **changes)

    return plant


def _fact(**values: Any) -> Plant:
    def plant(facts: Facts) -> None:
        for name, value in values.items():
            setattr(facts, name, value)

    return plant


def _copy(reader: str, noun: str, union: str, tally: Tally | None) -> Plant:
    def plant(facts: Facts) -> None:
        facts.copies[reader, noun].pop(union)
        if tally is not None:
            facts.copies[reader, noun][union] = tally

    return plant


def _strange_batch(facts: Facts) -> None:
    facts.bank_batches["cbc1"] = BankBatch("cbc1", 1, 0, 0, 0, answered=False)


def _strange_workflow(facts: Facts) -> None:
    facts.workflows["card-batch/cbc1"] = WorkflowFact("card-batch/cbc1", "Running", AT)


def _strange_payment(facts: Facts) -> None:
    id_ = "premium-payment/CB199901010001"
    facts.workflows[id_] = WorkflowFact(id_, "Running", AT)


def _own(service: str, law: str) -> Plant:
    def plant(facts: Facts) -> None:
        facts.broken[service][law] = 3

    return plant


def _claim(number: str, state: str) -> Plant:
    def plant(facts: Facts) -> None:
        facts.claims[number] = ClaimFact(number, state)

    return plant


def _payouts(**changes: Any) -> Plant:
    def plant(facts: Facts) -> None:
        facts.bank_payouts[PAYOUTS] = replace(facts.bank_payouts[PAYOUTS], **changes)

    return plant


def _payouts_not_at_bank(facts: Facts) -> None:
    del facts.bank_payouts[PAYOUTS]


def _strange_payouts(facts: Facts) -> None:
    facts.bank_payouts["FK1"] = BankPayouts(1, 0, 0, 0)


def _strange_claim(facts: Facts) -> None:
    facts.workflows["claim/GF1"] = WorkflowFact("claim/GF1", "Running", AT)


def _premium(number: str, **changes: Any) -> Plant:
    def plant(facts: Facts) -> None:
        facts.premium_batches[number] = replace(facts.premium_batches[number], **changes)

    return plant


def _no_workflow(id_: str) -> Plant:
    def plant(facts: Facts) -> None:
        del facts.workflows[id_]

    return plant


def _not_at_bank(facts: Facts) -> None:
    del facts.bank_batches[OPEN]


# (what is planted, the law it breaks, where, what is said of it, whether waiting may clear it)
PLANTED: tuple[tuple[Plant, str, str, str, bool], ...] = (
    (_fact(members_total=16), "one state each", "member-svc", "16 members, but their states add up to 15", False),
    (_fact(card_states={"issued": 14}), "one state each", "card-svc", "15 members, but their states", False),
    (_fact(astray=2), "one state each", "card-svc", "2 members whose card state disagrees", False),
    (_fact(insured_total=14), "one state each", "insurance-svc", "14 members, but their states add up to 15", False),
    (_copy("card-svc", "members", "3", Tally(9, "1")), "copies", "card-svc: members, union 3", "the copy 9", True),
    (_copy("member-svc", "cards", "3", Tally(10, "4")), "copies", "member-svc: cards, union 3", "10 rows each", True),
    (_copy("card-svc", "organisations", "4", None), "copies", "organisations, union 4", "5 rows, the copy none", True),
    (_copy("insurance-svc", "members", "4", Tally(5, "1")), "copies", "insurance-svc: members", "5 rows each", True),
    (_copy("insurance-svc", "cards", "4", None), "copies", "insurance-svc: cards, union 4", "5 rows, the copy n", True),
    (
        lambda facts: facts.source["members"].clear(),
        "copies",
        "card-svc: members, union 3",
        "the copy has 10 rows",
        True,
    ),
    (_not_at_bank, "a bank request per batch", OPEN, "the bank never got it", True),
    (_batch(OPEN, accepted=False), "a bank request per batch", OPEN, "its receipt is not here", True),
    (_bank(OPEN, members=2), "a bank request per batch", OPEN, "3 members here, 2 at the bank", False),
    (_bank(DONE, conflicting_repeats=1), "a bank request per batch", DONE, "other content 1 times", False),
    (_strange_batch, "a bank request per batch", "cbc1", "a batch that nobody submitted", True),
    (_batch(DONE, members=9), "a card per success", DONE, "9 members, but 0 + 7 + 1 outcomes", False),
    (_bank(DONE, issued=8, failed=0), "a card per success", DONE, "7 issued and 1 failed here, 8 and 0", True),
    (_fact(bank_cards=8), "a card per success", "all batches", "7 cards here, 8 at the bank", True),
    (_fact(bank_anomalies={"double_issues": 1}), "a card per success", "bank", "a second card for 1 members", False),
    (_fact(card_lives={"open": 4}), "cards live as", "card-svc", "0 accounts here are cancelled, 1 at the bank", True),
    (_fact(bank_accounts={"open": 4}), "cards live as", "card-svc", "1 accounts here are cancelled, 0 at", True),
    (_crossing("card-svc", outbox_waiting=3), "nothing left behind", "card-svc", "3 messages in the outbox", True),
    (_crossing("member-svc", outbox_refused=1), "nothing left behind", "member-svc", "1 messages that the bro", False),
    (_crossing("card-svc", inbox_running=1), "nothing left behind", "card-svc", "1 commands begun and not", True),
    (_crossing("card-svc", partner_calls_waiting=2), "nothing left behind", "card-svc", "2 calls to partners", True),
    (_fact(open_dead_letters=["card-svc.commands 17"]), "nothing left behind", "commands 17", "a dead letter", False),
    (_fact(lag={"card-svc": 4}), "nothing left behind", "card-svc", "4 messages not yet handled", True),
    (_no_workflow(f"card-batch/{OPEN}"), "no workflow stuck", f"card-batch/{OPEN}", "has no workflow", True),
    (_no_workflow("card-check/chk1"), "no workflow stuck", "card-check/chk1", "the check has no workflow", True),
    (
        _workflow(f"card-batch/{DONE}", status="Running"),
        "no workflow stuck",
        f"card-batch/{DONE}",
        "everything is accounted for, yet it waits",
        True,
    ),
    (
        _workflow(f"card-batch/{OPEN}", status="Completed"),
        "no workflow stuck",
        f"card-batch/{OPEN}",
        "it ended although the batch still waits",
        False,
    ),
    (
        _workflow("card-check/chk1", status="Terminated"),
        "no workflow stuck",
        "card-check/chk1",
        "ended as Terminated",
        False,
    ),
    (
        _workflow(f"card-batch/{OPEN}", trouble="card.batch.notify.v1 tried 4 times: bank: HTTP 500"),
        "no workflow stuck",
        f"card-batch/{OPEN}",
        "tried 4 times: bank: HTTP 500",
        True,
    ),
    *(
        (_own(service, law), "cover and money add up", service, f"3 {words}", False)
        for service, laws in OWN_LAWS.items()
        for law, (words, _) in laws.items()
    ),
    (
        _fact(trial_balances={"claims-svc": -1}),
        "cover and money add up",
        "claims-svc",
        "trial balance is -1 fen",
        False,
    ),
    (_fact(claimants_total=16), "one state each", "claims-svc", "16 members, but their states add up to 15", False),
    (_payouts_not_at_bank, "every fen paid once", PAYOUTS, "the bank never got it", True),
    (_payouts(amount_fen=1), "every fen paid once", PAYOUTS, "2 payouts of 3000000 fen here, 2 of 1 at", False),
    (_payouts(paid=2, returned=0), "every fen paid once", PAYOUTS, "1 paid and 1 returned here, 2 and 0", True),
    (_strange_payouts, "every fen paid once", "FK1", "a payout batch that nobody sent", True),
    (_fact(bank_paid_fen=2_000_001), "every fen paid once", "all payouts", "2000000 fen paid here, 2000001", True),
    (_fact(bank_anomalies={"payouts_again": 1}), "every fen paid once", "bank", "1 payouts were sent again", False),
    (_fact(settled={}), "losses are settled", "district 801, 2020", "2000000 fen paid, 0 fen counted", True),
    (_no_workflow(f"claim/{CLAIM}"), "a workflow per claim", CLAIM, "it has no workflow", True),
    (_claim(CLAIM, "withdrawn"), "a workflow per claim", CLAIM, "it is over, yet its workflow waits", True),
    (
        _workflow(f"payout-batch/{GATHERED}", status="Completed"),
        "a workflow per claim",
        GATHERED,
        "ended although it is not over",
        False,
    ),
    (_strange_claim, "a workflow per claim", "claim/GF1", "for a claim that does not exist", True),
    (_premium(PAID, received_fen=9000), "cover and money add up", PAID, "written_off, with 9000 of 9100", False),
    (_premium(DUE, received_fen=2601), "cover and money add up", DUE, "passed, with 2601 of 2600", False),
    (_no_workflow(f"premium-payment/{DUE}"), "a workflow per payment", DUE, "it has no workflow", True),
    (_no_workflow(CAMPAIGN), "a workflow per payment", CAMPAIGN, "it has no workflow", True),
    (_premium(DUE, state="voided"), "a workflow per payment", DUE, "it is over, yet its workflow waits", True),
    (
        _workflow(f"premium-payment/{DUE}", status="Completed"),
        "a workflow per payment",
        DUE,
        "ended although it is not over",
        False,
    ),
    (_strange_payment, "a workflow per payment", "CB199901010001", "for a batch that does not exist", True),
    (_strange_workflow, "no workflow stuck", "card-batch/cbc1", "for a batch that does not exist", True),
)


@pytest.mark.parametrize(("plant", "law", "where", "what", "settles"), PLANTED, ids=[one[3] for one in PLANTED])
def test_a_planted_difference_is_named(plant: Plant, law: str, where: str, what: str, settles: bool) -> None:
    facts = sound()
    plant(facts)
    found = differences(facts)
    named = [one for one in found if law in one.law and where in one.where and what in one.what]
    assert len(named) == 1, found
    assert named[0].settles is settles
    assert named[0].remedy


def test_a_copy_that_differs_is_filled_by_its_own_source() -> None:
    facts = sound()
    for copy in facts.copies.values():
        copy.clear()
    remedies = {one.where.split(",")[0].split(": ")[1]: one.remedy for one in differences(facts) if "copies" in one.law}
    sources = {"members": "member-svc", "organisations": "member-svc", "cards": "card-svc"}
    assert remedies.keys() <= sources.keys()
    assert remedies
    for name, remedy in remedies.items():
        assert f"unioncard run {sources[name]} republish" in remedy


def test_every_law_has_a_planted_difference() -> None:
    broken = set()
    for law in LAWS:
        for plant, *_ in PLANTED:
            facts = sound()
            plant(facts)
            if list(law(facts)):
                broken.add(law)
    assert broken == set(LAWS)
