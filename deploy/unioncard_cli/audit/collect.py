"""Asks everyone: each service by its API, the bank by its memory, Temporal and Kafka by their clients."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
from aiokafka.admin import AIOKafkaAdminClient
from temporalio.client import Client, WorkflowExecutionStatus

from unioncard.messaging import kafka
from unioncard.messaging.dead_letters import list_dead_letters
from unioncard.settings import Settings
from unioncard_cli.audit.checks import OWN_LAWS
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
from unioncard_cli.operators import Operator
from workflows.client import connect
from workflows.settings import WorkflowsSettings

GROUPS = ("member-svc", "card-svc", "insurance-svc", "claims-svc", "workflows-bridge", "workflows-replies")
KINDS = (
    "CardBatch",
    "CardCheck",
    "BankStateFetch",
    "CampaignOpening",
    "EnrolmentCampaign",
    "DistrictEnrolment",
    "ExclusionCheck",
    "PremiumPayment",
    "PersonalBatch",
    "Claim",
    "PayoutBatch",
    "PayoutRun",
    "PayoutFile",
)
TRIES_THAT_WORRY = 3


async def collect(auditor: Operator, sandbox_url: str, settings: WorkflowsSettings) -> Facts:
    """Everything the laws look at, of about one moment. ``auditor`` is an account of the federation."""
    facts = Facts()
    await asyncio.to_thread(_ask_member_svc, auditor, facts)
    await asyncio.to_thread(_ask_card_svc, auditor, facts)
    await asyncio.to_thread(_ask_insurance_svc, auditor, facts)
    await asyncio.to_thread(_ask_claims_svc, auditor, facts)
    await asyncio.to_thread(_ask_bank, sandbox_url, facts)
    await _ask_temporal(settings, facts)
    await _ask_kafka(settings, facts)
    return facts


def _ask_member_svc(auditor: Operator, facts: Facts) -> None:
    summary = auditor.get("member", "/reconciliation/summary")
    facts.member_states = dict(summary["counts"].get("members", {}))
    facts.members_total = summary["members_total"]
    facts.crossings["member-svc"] = _crossings(summary)
    facts.source["members"] = _tallies(auditor, "member", "members")
    facts.source["organisations"] = _tallies(auditor, "member", "organisations")
    facts.copies["member-svc", "cards"] = _tallies(auditor, "member", "cards")


def _ask_card_svc(auditor: Operator, facts: Facts) -> None:
    summary = auditor.get("card", "/reconciliation/summary")
    facts.cards_total = summary["members_total"]
    facts.card_states = dict(summary["counts"].get("cards", {}))
    facts.cards_with_number = summary["card_numbers"]
    facts.set_aside = sum(summary["counts"].get("set_aside", {}).values())
    facts.open_checks = {row["id"] for row in auditor.pages("card", "/reconciliation/checks")}
    facts.card_lives = dict(summary["counts"].get("card_lives", {}))
    facts.astray = summary["todo_astray"] + summary["cards_astray"] + summary["lives_astray"]
    facts.crossings["card-svc"] = _crossings(summary)
    for noun in ("members", "organisations"):
        facts.copies["card-svc", noun] = _tallies(auditor, "card", noun)
    facts.source["cards"] = _tallies(auditor, "card", "cards")
    for row in auditor.pages("card", "/reconciliation/batches"):
        facts.batches[row["number"]] = ServiceBatch(
            number=row["number"],
            members=row["members"],
            waiting=row["waiting"],
            issued=row["issued"],
            failed=row["failed"],
            unaccounted=row["unaccounted"],
            accepted=row["accepted_at"] is not None,
            refused=row["state"] == "refused",
            closed=row["closed_at"] is not None,
        )


def _ask_insurance_svc(auditor: Operator, facts: Facts) -> None:
    summary = auditor.get("insurance", "/reconciliation/summary")
    facts.insured_total = summary["members_total"]
    facts.insured_states = dict(summary["counts"].get("members", {}))
    facts.policies_standing = summary["policies_standing"]
    facts.trial_balances["insurance-svc"] = summary["trial_balance_fen"]
    facts.broken["insurance-svc"] = {law: summary[law] for law in OWN_LAWS["insurance-svc"]}
    facts.crossings["insurance-svc"] = _crossings(summary)
    for noun in ("members", "cards", "organisations"):
        facts.copies["insurance-svc", noun] = _tallies(auditor, "insurance", noun)
    for row in auditor.pages("insurance", "/reconciliation/batches"):
        facts.premium_batches[row["number"]] = PremiumBatch(
            **{name: row[name] for name in ("number", "scheme", "state", "heads", "due_fen", "received_fen")}
        )
    facts.campaigns = [
        CampaignFact(row["scheme"], row["coverage_year"], row["state"])
        for row in auditor.pages("insurance", "/campaigns")
    ]


def _ask_claims_svc(auditor: Operator, facts: Facts) -> None:
    summary = auditor.get("claims", "/reconciliation/summary")
    facts.claimants_total = summary["members_total"]
    facts.claimant_states = dict(summary["counts"].get("members", {}))
    facts.set_aside += sum(summary["counts"].get("payout_set_aside", {}).values())
    facts.paid_fen = summary["paid_fen"]
    facts.trial_balances["claims-svc"] = summary["trial_balance_fen"]
    facts.broken["claims-svc"] = {law: summary[law] for law in OWN_LAWS["claims-svc"]}
    facts.crossings["claims-svc"] = _crossings(summary)
    for noun in ("members", "organisations"):
        facts.copies["claims-svc", noun] = _tallies(auditor, "claims", noun)
    for row in auditor.pages("claims", "/reconciliation/claims"):
        facts.claims[row["number"]] = ClaimFact(row["number"], row["state"])
    for row in auditor.pages("claims", "/reconciliation/payout-batches"):
        fields = ("number", "state", "payouts", "amount_fen", "paid", "returned")
        facts.payout_batches[row["number"]] = PayoutBatch(**{name: row[name] for name in fields})
    for row in auditor.get("claims", "/reconciliation/losses")["items"]:
        facts.losses[row["district_id"], row["coverage_year"]] = row["amount_fen"]
    for year in {year for _, year in facts.losses} | {one.year for one in facts.campaigns}:
        for line in auditor.get("insurance", "/losses", coverage_year=year)["lines"]:
            district = line["district_id"], year
            facts.settled[district] = facts.settled.get(district, 0) + line["losses_fen"]


def _crossings(summary: dict[str, Any]) -> Crossings:
    return Crossings(
        outbox_waiting=summary["outbox_waiting"],
        outbox_refused=summary["outbox_refused"],
        inbox_running=summary["inbox_running"],
        partner_calls_waiting=summary["partner_calls_waiting"],
    )


def _tallies(auditor: Operator, service: str, noun: str) -> dict[str, Tally]:
    return {
        str(row["id"]): Tally(row["count"], row["checksum"])
        for row in auditor.pages(service, f"/reconciliation/{noun}")
        if row["count"]
    }


def _ask_bank(sandbox_url: str, facts: Facts) -> None:
    with httpx.Client(base_url=sandbox_url, timeout=60) as client:
        summary = client.get("/memory/summary").raise_for_status().json()
        facts.bank_cards = summary["cards_issued"]
        facts.bank_accounts = dict(summary["card_accounts"])
        facts.bank_paid_fen = summary["payouts"]["paid_fen"]
        facts.bank_anomalies = {
            "double_issues": summary["double_issues"],
            "payouts_again": summary["payouts"]["payouts_again"],
        }
        for row in _remembered(client, "batches"):
            facts.bank_batches[row["batch_number"]] = BankBatch(
                number=row["batch_number"],
                members=row["members"],
                issued=row["issued"],
                failed=row["failed"],
                conflicting_repeats=row["conflicts"],
                answered=bool(row["answered"]),
            )
        for row in _remembered(client, "payouts"):
            known = facts.bank_payouts.get(row["batch_number"], BankPayouts())
            facts.bank_payouts[row["batch_number"]] = BankPayouts(
                payouts=known.payouts + 1,
                amount_fen=known.amount_fen + row["amount_fen"],
                paid=known.paid + (row["status"] == "paid"),
                returned=known.returned + (row["status"] == "returned"),
            )


def _remembered(client: httpx.Client, noun: str) -> Iterator[dict[str, Any]]:
    """All that the bank remembers of a kind, page by page."""
    cursor: str | None = "0"
    while cursor is not None:
        page = client.get(f"/memory/{noun}", params={"cursor": cursor, "limit": 1000}).raise_for_status().json()
        yield from page[noun]
        cursor = page["next_cursor"]


async def _ask_temporal(settings: WorkflowsSettings, facts: Facts) -> None:
    client = await connect(settings)
    async for fact in _workflows(client):
        # The newest execution of an id comes first; older ones of it were continued.
        facts.workflows.setdefault(fact.id, fact)


async def _workflows(client: Client) -> AsyncIterator[WorkflowFact]:
    query = f"WorkflowType IN ({', '.join(repr(kind) for kind in KINDS)})"
    async for found in client.list_workflows(query, page_size=1000):
        assert found.status is not None  # listed executions always have one
        trouble = None
        if found.status is WorkflowExecutionStatus.RUNNING:
            trouble = await _trouble(client, found.id, found.run_id)
        yield WorkflowFact(found.id, found.status.name.title().replace("_", ""), found.start_time, trouble)


async def _trouble(client: Client, workflow_id: str, run_id: str) -> str | None:
    """What keeps a running workflow from going on: a task that fails, or a command tried again and again."""
    description = await client.get_workflow_handle(workflow_id, run_id=run_id).describe()
    raw = description.raw_description
    if raw.pending_workflow_task.attempt >= TRIES_THAT_WORRY:
        return f"its code fails: {raw.pending_workflow_task.attempt} tries of one workflow task"
    for activity in raw.pending_activities:
        if activity.attempt >= TRIES_THAT_WORRY:
            why = activity.last_failure.message or "no answer in time"
            return f"{activity.activity_type.name} tried {activity.attempt} times: {why}"
    return None


async def _ask_kafka(settings: Settings, facts: Facts) -> None:
    facts.open_dead_letters = [
        f"{listed.letter.topic} {listed.letter.id}" for listed in await list_dead_letters(settings) if not listed.resent
    ]
    admin = kafka.admin(settings, "audit")
    await admin.start()
    try:
        for group in GROUPS:
            facts.lag[group] = await _lag(settings, admin, group)
    finally:
        await admin.close()


async def _lag(settings: Settings, admin: AIOKafkaAdminClient, group: str) -> int:
    """Messages after the group's committed offsets, in the topics it has ever committed."""
    committed = await admin.list_consumer_group_offsets(group)
    consumer = kafka.consumer(settings, "audit", None, [])
    await consumer.start()
    try:
        ends = await consumer.end_offsets(list(committed))
    finally:
        await consumer.stop()
    return sum(max(0, ends[tp] - place.offset) for tp, place in committed.items() if place.offset >= 0)
