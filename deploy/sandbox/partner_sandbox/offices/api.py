"""The counters of the population office and the social-security office (domain 4.3)."""

from functools import partial
from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from partner_sandbox.behaviour import Behaviour, Partner
from partner_sandbox.counter import Said, serve
from partner_sandbox.offices import store
from partner_sandbox.offices.models import PopulationAnswer, Question, SocialSecurityAnswer
from partner_sandbox.problems import PROBLEM_SCHEMA, Refused, read_body
from partner_sandbox.sandbox import Sandbox

router = APIRouter(tags=["offices"])

_QUESTION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Question"}}},
    }
}


@router.post(
    "/population/queries",
    responses={200: {"model": PopulationAnswer}, 400: PROBLEM_SCHEMA, 500: PROBLEM_SCHEMA},
    openapi_extra=_QUESTION,
)
async def ask_population(request: Request) -> Response:
    """Who of these people is in service, retired or deceased. Everyone not registered otherwise is in service."""
    return await _ask(request, "population", "in_service")


@router.post(
    "/social-security/queries",
    responses={200: {"model": SocialSecurityAnswer}, 400: PROBLEM_SCHEMA, 500: PROBLEM_SCHEMA},
    openapi_extra=_QUESTION,
)
async def ask_social_security(request: Request) -> Response:
    """Who of these people draws unemployment benefit or is retired. Everyone not registered otherwise does neither."""
    return await _ask(request, "social_security", "none")


async def _ask(request: Request, partner: Partner, usual: str) -> Response:
    raw = await request.body()
    try:
        question = read_body(Question, raw)
    except Refused as refused:
        return await serve(request, partner, "", partial(_refuse, refused))

    async def look_up(sandbox: Sandbox, _: Behaviour) -> Said:
        numbers = [person.document_number for person in question.people]
        outcome, statuses = await sandbox.store.write(
            store.receive, partner, question.query_id, raw, numbers, sandbox.now()
        )
        results = [{"ref": p.ref, "status": statuses.get(p.document_number, usual)} for p in question.people]
        body = orjson.dumps({"query_id": question.query_id, "results": results})
        return Said(200, body, outcome, len(results))

    return await serve(request, partner, question.query_id, look_up)


async def _refuse(refused: Refused, _: Sandbox, __: Behaviour) -> Said:
    raise refused
