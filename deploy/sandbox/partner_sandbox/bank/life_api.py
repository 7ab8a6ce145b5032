"""What happens to cards after they were handed out: told nightly, and made to happen by tests."""

import time
from datetime import date, timedelta
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from partner_sandbox.bank import life_store
from partner_sandbox.bank.life_models import LIFE_LIMIT, CounterActs, Life, LifePage
from partner_sandbox.behaviour import Behaviour
from partner_sandbox.counter import Said, behaviour_for, serve
from partner_sandbox.problems import PROBLEM_SCHEMA
from partner_sandbox.sandbox import Sandbox, TheSandbox

router = APIRouter()


@router.get(
    "/bank/lives", tags=["bank"], responses={200: {"model": LifePage}, 400: PROBLEM_SCHEMA, 500: PROBLEM_SCHEMA}
)
async def lives(
    request: Request,
    day: Annotated[date | None, Query(alias="date", description="changed until the end of this Shanghai day")] = None,
    since: Annotated[date | None, Query(description="changed on this Shanghai day or later")] = None,
    cursor: Annotated[int, Field(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Field(ge=1, le=LIFE_LIMIT, description="accounts a page")] = LIFE_LIMIT,
) -> Response:
    """The nightly life file (每日卡片状态文件): accounts that changed, as they stand, whatever callbacks were lost."""

    async def tell(sandbox: Sandbox, _: Behaviour) -> Said:
        until = day or sandbox.now().date() + timedelta(days=1)
        found, following = await sandbox.store.read(
            life_store.page, until.isoformat(), since.isoformat() if since else "", cursor, limit
        )
        page = {"date": until, "lives": found, "next_cursor": str(following) if following else None}
        return Said(200, orjson.dumps(page), items=len(found))

    return await serve(request, "bank", f"lives/{day or ''}/{cursor}", tell)


@router.post(
    "/control/cards",
    tags=["control"],
    response_model=list[Life],
    responses={400: PROBLEM_SCHEMA, 404: PROBLEM_SCHEMA, 409: PROBLEM_SCHEMA},
)
async def act(request: Request, acts: CounterActs, sandbox: TheSandbox) -> Response:
    """Let customers activate, report lost, find, replace or cancel cards; answers the accounts as they stand then."""
    behaviour = behaviour_for(request, sandbox)
    changed = await sandbox.store.write(life_store.perform, acts.acts, sandbox.now(), behaviour, time.time())
    sandbox.callback_ready.set()
    return Response(orjson.dumps(changed), media_type="application/json")
