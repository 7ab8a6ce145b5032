"""Lists that unions send at the same moment are written together (docs/decisions/032).

Most of a campaign's lists come in its last hours. Written one by one each costs ten turns to the database; those that
come while others are being written share theirs. A list that comes alone is written alone, at once, and so is each of
a set that broke: being together changes nobody's answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from fastapi import Response
from prometheus_client import Gauge, Histogram

from insurance_svc.enrolments.ground import Wanted
from insurance_svc.enrolments.submission import Refused, Submission, submit_all
from insurance_svc.enrolments.views import as_enrolment
from insurance_svc.personal import PersonalData
from unioncard.auth import Principal
from unioncard.telemetry import current_traceparent
from unioncard.unit_of_work import RECEIVED_AT, Transaction, UnitOfWork
from unioncard.web.idempotency import Claim, claim_all, store_all

log = structlog.get_logger()

lists_waiting = Gauge("lists_waiting", "Unions' lists received and not yet taken to be written")
lists_together = Histogram("lists_together", "Unions' lists taken at once to be written", buckets=(1, 2, 4, 8, 16, 32))

MOST_TOGETHER = 32
# While one set waits for the database the other's lists are judged.
SETS_AT_ONCE = 2


@dataclass(eq=False, slots=True)
class _Request:
    """One union's request, with all that tells it from others: whose, when received, in which trace."""

    principal: Principal
    claim: Claim
    wanted: Wanted
    received_at: datetime
    alone: Callable[[], Awaitable[Response]]
    traceparent: str | None = field(default_factory=current_traceparent)
    context: Context = field(default_factory=copy_context)
    answer: asyncio.Future[Response] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Gathering:
    """Takes requests for whole-union lists, and answers each."""

    def __init__(self, work: UnitOfWork, personal: PersonalData, just_issued_days: int) -> None:
        self._work = work
        self._personal = personal
        self._just_issued_days = just_issued_days
        self._waiting: list[_Request] = []
        self._unions: set[int] = set()
        self._sets: set[asyncio.Task[None]] = set()

    async def submit(
        self, principal: Principal, claim: Claim, wanted: Wanted, alone: Callable[[], Awaitable[Response]]
    ) -> Response:
        """The answer to the request, made with others or by ``alone``; raises its problem."""
        received_at = RECEIVED_AT.get() or self._work.clock.now()
        request = _Request(principal, claim, wanted, received_at, alone)
        self._waiting.append(request)
        self._begin()
        return await request.answer

    def _begin(self) -> None:
        while len(self._sets) < SETS_AT_ONCE and (requests := self._take()):
            # Nobody's context: what belongs to one request is kept with it.
            task = asyncio.create_task(self._serve(requests), context=Context())
            self._sets.add(task)
            task.add_done_callback(self._ended)
            lists_together.observe(len(requests))
        lists_waiting.set(len(self._waiting))

    def _take(self) -> list[_Request]:
        """The next set: the oldest requests, one a union, none of a union that is being served."""
        taken: list[_Request] = []
        for request in self._waiting:
            if len(taken) < MOST_TOGETHER and request.wanted.union_id not in self._unions:
                self._unions.add(request.wanted.union_id)
                taken.append(request)
        self._waiting = [one for one in self._waiting if one not in taken]
        return taken

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sets.discard(task)
        self._begin()

    async def _serve(self, requests: list[_Request]) -> None:
        left = requests
        try:
            while len(left) > 1:
                left = await self._together(left)
        except Exception as error:
            # What broke the set need not break each of it, and what does is each one's own to hear.
            log.warning("gathering.broke", lists=len(left), error=type(error).__name__)
        await asyncio.gather(*(_alone(one) for one in left if not one.answer.done()))
        self._unions -= {one.wanted.union_id for one in requests}

    async def _together(self, requests: list[_Request]) -> list[_Request]:
        """Answer a set in one transaction; the requests that are left: all others, where one was refused."""
        fresh: list[_Request] = []
        try:
            async with self._work.begin("together") as tx:
                new = await claim_all(tx.conn, [one.claim for one in requests])
                fresh = [one for one in requests if one.claim.id in new]
                asked = [_submission(one, tx) for one in fresh]
                rows = await submit_all(tx.conn, self._personal, asked, self._just_issued_days)
                responses = await store_all(
                    tx.conn, [one.claim for one in fresh], [as_enrolment(row) for row in rows], 201
                )
        except Refused as refused:
            for place, problem in refused.problems.items():
                _tell(fresh[place], problem)
            return [one for one in requests if not one.answer.done()]
        for one, response in zip(fresh, responses, strict=True):
            _tell(one, response)
        # The key of these was known: each finds its answer by itself.
        await asyncio.gather(*(_alone(one) for one in requests if one.claim.id not in new))
        return []


def _submission(request: _Request, tx: Transaction) -> Submission:
    principal = request.principal
    behalf = tx.on_behalf_of(principal.actor, request.received_at, request.traceparent)
    return Submission(request.wanted, principal.account_id, behalf)


async def _alone(request: _Request) -> None:
    try:
        _tell(request, await asyncio.create_task(_awaited(request.alone), context=request.context))
    except Exception as error:
        _tell(request, error)


async def _awaited(alone: Callable[[], Awaitable[Response]]) -> Response:
    return await alone()


def _tell(request: _Request, answer: Response | Exception) -> None:
    if request.answer.done():  # who asked has gone
        return
    if isinstance(answer, Response):
        request.answer.set_result(answer)
    else:
        request.answer.set_exception(answer)
