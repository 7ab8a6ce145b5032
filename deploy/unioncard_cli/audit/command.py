"""``unioncard audit``: the verdict for operators, in words and as an exit code."""

import asyncio
import time
from typing import Annotated

import httpx
import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table
from temporalio.service import RPCError

from unioncard_cli.audit.checks import LAWS, Difference, differences
from unioncard_cli.audit.collect import collect
from unioncard_cli.audit.facts import Facts
from unioncard_cli.operators import Operator, Refusal, StillWaiting
from unioncard_cli.place import StackError
from unioncard_cli.scenery import FEDERATION, password
from unioncard_cli.screens import show_error
from unioncard_cli.stack import Stack
from workflows.client import NamespaceMissing

SHOWN = 30


def audit(
    wait: Annotated[float, typer.Option(help="seconds to let what is under way settle")] = 20.0,
    login: Annotated[
        str, typer.Option(envvar="UNIONCARD_AUDIT_LOGIN", help="an account of the federation")
    ] = FEDERATION,
    secret: Annotated[
        str | None,
        typer.Option("--password", envvar="UNIONCARD_AUDIT_PASSWORD", help="its password; the demo's is known"),
    ] = None,
) -> None:
    """Prove that nothing was lost and nothing counted twice.

    Exit code 0: all adds up, 1: it does not, 2: somebody could not be asked.
    """
    stack = Stack()
    services = _url(stack, "member-svc", "UNIONCARD_MEMBER_URL"), _url(stack, "card-svc", "UNIONCARD_CARD_URL")
    auditor = Operator(
        *services,
        login,
        secret or password(stack),
        insurance_url=_url(stack, "insurance-svc", "UNIONCARD_INSURANCE_URL"),
        claims_url=_url(stack, "claims-svc", "UNIONCARD_CLAIMS_URL"),
        patience_s=wait,
    )
    try:
        facts, found = verdict(stack, auditor, wait)
    except Exception as error:
        show_error(_unanswered(error, login))
        raise typer.Exit(2) from None
    show(facts, found)
    if found:
        raise typer.Exit(1)


def verdict(stack: Stack, auditor: Operator, wait_s: float) -> tuple[Facts, list[Difference]]:
    """Ask and compare until everything adds up, or ``wait_s`` has gone by, or a difference is there to stay."""
    settings = stack.workflow_settings()
    sandbox = _url(stack, "sandbox", "UNIONCARD_SANDBOX_URL")
    deadline = time.monotonic() + wait_s
    while True:
        facts = asyncio.run(collect(auditor, sandbox, settings))
        found = differences(facts)
        if not found or time.monotonic() > deadline or not any(one.settles for one in found):
            return facts, found
        time.sleep(1.0)


def _unanswered(error: Exception, login: str) -> StackError:
    """Who could not be asked, and what to do about it."""
    look = "see: unioncard status, unioncard logs"
    match error:
        case StillWaiting():
            return StackError(f"nothing is proven: {error}", look)
        case Refusal(status=401):
            return StackError(f"nothing is proven: {login} may not log in: {error}", "give --login and --password")
        case Refusal(status=403):
            return StackError(f"nothing is proven: {login} may not audit: {error}", "use an account of the federation")
        case httpx.HTTPError():
            return StackError(f"nothing is proven: the bank does not answer ({type(error).__name__})", look)
        case KafkaError() | OSError():
            return StackError(f"nothing is proven: Kafka does not answer ({type(error).__name__})", look)
        case RPCError() | RuntimeError() | NamespaceMissing():
            return StackError(f"nothing is proven: Temporal does not answer ({error})", look)
        case _:
            raise error


def _url(stack: Stack, part: str, setting: str) -> str:
    """Where a part answers: in this stack, or where the environment says that it runs (compose, Kubernetes)."""
    return stack.place.env.get(setting) or stack.place.url(part)


def show(facts: Facts, found: list[Difference]) -> None:
    """What was asked, and each difference with its remedy."""
    console = Console(highlight=False)
    console.print(
        f"Audit: {facts.members_total} members, {len(facts.batches)} batches, {facts.cards_with_number} cards, "
        f"{facts.policies_standing} policies, {len(facts.premium_batches)} premium batches, "
        f"{len(facts.claims)} claims, {len(facts.payout_batches)} payout batches, "
        f"{len(facts.workflows)} workflows, {facts.set_aside} answers of the bank set aside."
    )
    if not found:
        console.print(f"[green]All {len(LAWS)} laws hold: nothing was lost, nothing counted twice.[/green]")
        return
    table = Table("law", "where", "difference", "what to do", title=f"{len(found)} differences")
    for one in found[:SHOWN]:
        table.add_row(one.law, one.where, one.what, one.remedy)
    console.print(table)
    if len(found) > SHOWN:
        console.print(f"… and {len(found) - SHOWN} more")
