"""Set and reset what the partners do. No credentials are asked: a test program, bound to the loopback address."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ValidationError

from partner_sandbox.behaviour import Behaviour
from partner_sandbox.offices import store as offices
from partner_sandbox.offices.models import People
from partner_sandbox.problems import PROBLEM_SCHEMA, malformed
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


@router.post("/reset", status_code=204)
async def reset(sandbox: TheSandbox) -> None:
    """Forget everything, pending answers and registered people included; behave as the settings say."""
    await sandbox.reset()
