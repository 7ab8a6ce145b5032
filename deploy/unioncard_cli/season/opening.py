"""How a season begins on a stack: its rules are loaded, and on its first day the daily schedule opens the campaign."""

import asyncio
from pathlib import Path

from unioncard_cli.operators import Operator, until
from unioncard_cli.place import REPOSITORY
from unioncard_cli.scenery import service_command
from unioncard_cli.season.acts import SCHEME, YEAR
from unioncard_cli.stack import Stack

SEASONS = REPOSITORY / "services" / "insurance-svc" / "samples"


def load_rules(stack: Stack, folder: Path = SEASONS) -> str:
    """费率、保障责任、日历、央企名单 from CSV; what was there already stays. Says how many rows."""
    return service_command(stack, "insurance-svc", "load-season", str(folder)).strip()


def open_campaign(stack: Stack, federation: Operator, year: int = YEAR, patience_s: float = 60.0) -> None:
    """Trigger the schedule as the business night does, and wait until the campaign is open."""
    trigger(stack, "campaigns-daily")
    until(
        f"the campaign of {year}",
        lambda: federation.get("insurance", f"/campaigns/{SCHEME}/{year}"),
        lambda seen: seen["state"] == "open",
        patience_s,
    )


def wait_for_cards(federation: Operator, patience_s: float = 120.0) -> None:
    """Until insurance-svc knows every card that card-svc does."""

    def cards(service: str) -> list[tuple[int, str]]:
        return [(row["id"], row["checksum"]) for row in federation.pages(service, "/reconciliation/cards")]

    until("insurance-svc to know every card", lambda: cards("card") == cards("insurance"), bool, patience_s)


def trigger(stack: Stack, schedule: str) -> None:
    """Have a schedule start what it starts, as its hour would."""
    asyncio.run(_trigger(stack, schedule))


async def _trigger(stack: Stack, schedule: str) -> None:
    from workflows.client import RPC_TIMEOUT, connect  # here, as importing temporalio takes a second

    client = await connect(stack.workflow_settings())
    await client.get_schedule_handle(schedule).trigger(rpc_timeout=RPC_TIMEOUT)
