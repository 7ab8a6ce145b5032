"""Set and reset what the partners do. No credentials are asked: a test program, bound to the loopback address."""

import time
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field, ValidationError

from partner_sandbox.bank import accounts
from partner_sandbox.bank.accounts import ReturnCode
from partner_sandbox.behaviour import Behaviour
from partner_sandbox.offices import store as offices
from partner_sandbox.offices.models import People
from partner_sandbox.payouts import store as payouts
from partner_sandbox.payouts.models import PayoutReturn
from partner_sandbox.problems import PROBLEM_SCHEMA, Refused, malformed
from partner_sandbox.sandbox import TheSandbox

router = APIRouter(prefix="/control", tags=["control"])


class Registered(BaseModel):
    """How many document numbers were registered."""

    population: int
    social_security: int


@router.get("/behaviour")
async def behaviour(sandbox: TheSandbox) -> Behaviour:
    """The behaviour in force."""
    return sandbox.behaviour


@router.put("/behaviour", responses={400: PROBLEM_SCHEMA})
async def behave(patch: dict[str, Any], sandbox: TheSandbox) -> Behaviour:
    """Change the fields named, keep the others; answers the behaviour now in force."""
    try:
        changed = sandbox.behaviour.changed(patch)
    except ValidationError as error:
        raise malformed(error) from None
    await sandbox.behave(changed)
    return changed


@router.post("/people", responses={400: PROBLEM_SCHEMA})
async def register_people(people: People, sandbox: TheSandbox) -> Registered:
    """Register document numbers with what an office says of them."""
    return Registered(
        population=await sandbox.store.write(offices.register, "population", people.population),
        social_security=await sandbox.store.write(offices.register, "social_security", people.social_security),
    )


class RefusedAccounts(BaseModel):
    """Why money for these accounts comes back; None: it arrives again."""

    refused: dict[Annotated[str, Field(pattern=r"^[0-9]{6,32}$")], ReturnCode | None]


class AccountsNamed(BaseModel):
    """How many accounts were named."""

    accounts: int


@router.post("/accounts", responses={400: PROBLEM_SCHEMA})
async def refuse_accounts(body: RefusedAccounts, sandbox: TheSandbox) -> AccountsNamed:
    """Let money for these accounts come back, or arrive; payouts answered from now on heed it."""
    return AccountsNamed(accounts=await sandbox.store.write(accounts.refuse, body.refused))


@router.post("/payout-returns", status_code=204, responses={400: PROBLEM_SCHEMA, 404: PROBLEM_SCHEMA})
async def send_back(body: PayoutReturn, sandbox: TheSandbox) -> None:
    """Send back money that had arrived; told by callback and file like any answer."""
    sent = await sandbox.store.write(
        payouts.send_back, body.payout_number, body.reason_code, sandbox.now(), time.time()
    )
    if not sent:
        raise Refused(404, "unknown-payout", "没有这笔已入账的划款")
    sandbox.callback_ready.set()


@router.post("/reset", status_code=204)
async def reset(sandbox: TheSandbox) -> None:
    """Forget everything, pending answers and registered people included; behave as the settings say."""
    await sandbox.reset()
