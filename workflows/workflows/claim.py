"""The life of a claim, from its filing to its close (给付申请, domain 6)."""

import asyncio
from typing import Any, NoReturn

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from unioncard.clock_segments import Segment
    from unioncard.contracts.claims import AssessClaim, ClaimStanding, LapseClaim, NotifyClaim
    from unioncard.contracts.cover import CheckCover, CoverFound
    from workflows.business_time import BusinessTime
    from workflows.claim_progress import Act, ClaimEnd, ClaimProgress, ClaimStart, Move, claim_id
    from workflows.claim_view import NOTICES, PHASES, ClaimView, view_of_claim, wait_summary
    from workflows.commands import ask
    from workflows.search_attributes import NEXT_DEADLINE, OVERDUE, PHASE

#: A history stays under 150 events: past this many the next wait begins in a fresh one.
LONGEST_HISTORY = 110


@workflow.defn
class Claim:
    """Cover → papers → stamps → the centre's decision → payout → appeal, or any part of it. Facts arrive as signals.

    Nothing here judges: cover is assessed, papers lapse and appeals end by claims-svc's rules and clock.
    """

    @workflow.init
    def __init__(self, start: ClaimStart) -> None:
        self._claim = start.claim
        self._time = BusinessTime(start.segments)
        self._progress = start.progress or ClaimProgress.of(start.standing, self._time.now())
        self._key = claim_id(start.claim.number)
        # The bridge starts it with the phase as a search attribute, which spares an event.
        self._phase = PHASES[start.standing.state]
        self._shown: ClaimView | None = None

    @workflow.run
    async def run(self, start: ClaimStart) -> ClaimEnd:
        """Returns how the claim ended; a command that is refused does not end it."""
        showing = asyncio.create_task(self._keep_shown())
        while not self._progress.over:
            move = self._progress.due_move(self._time.now())
            if move is not None:
                await self._make(move)
            elif _long():
                self._go_on_with_fresh_history()
            else:
                await self._wait()
        await workflow.wait_condition(workflow.all_handlers_finished)
        showing.cancel()
        self._show()
        done = self._progress
        return ClaimEnd(state=done.state, checks=done.checks, notices=done.notices)

    # The story

    async def _make(self, move: Move) -> None:
        try:
            match move.act:
                case Act.CHECK:
                    await self._check_cover()
                case Act.NOTIFY:
                    await self._notify(move)
                case Act.LAPSE:
                    await self._have_it_judged()
        except ApplicationError as refusal:
            self._progress.trouble = refusal.message

    async def _check_cover(self) -> None:
        """Who covered the member then? Asked again daily while that cover may still be lost (domain 5)."""
        claim, turn = self._claim, self._progress.take_check(self._time.now())
        found = await ask(
            CheckCover(member_id=claim.member_id, first_day=claim.first_day, last_day=claim.last_day),
            key=f"{self._key}/cover/{turn}",
            result=CoverFound,
            summary="核对保障",
        )
        if self._progress.over or not self._progress.must_assess(found):
            return
        standing = await ask(
            AssessClaim(claim_number=claim.number, cover=found),
            key=f"{self._key}/assess/{turn}",
            result=ClaimStanding,
            summary="按保障审查申请",
        )
        self._progress.cover = found
        self._learn(standing)

    async def _notify(self, move: Move) -> None:
        """The answer says how the claim stands: that makes up for lost events."""
        assert move.kind is not None  # of every notice
        occurrence = self._progress.take_notice(move)
        standing = await ask(
            NotifyClaim(claim_number=self._claim.number, kind=move.kind, occurrence=occurrence),
            key=f"{self._key}/notice/{move.kind}/{occurrence}",
            result=ClaimStanding,
            summary=f"通知：{NOTICES[move.kind]}",
        )
        self._learn(standing)

    async def _have_it_judged(self) -> None:
        """A last day is over: the claim lapses or is closed, unless claims-svc knows better."""
        turn = self._progress.take_lapse(self._time.now())
        standing = await ask(
            LapseClaim(claim_number=self._claim.number),
            key=f"{self._key}/lapse/{turn}",
            result=ClaimStanding,
            summary="期限已过：核对是否办结",
        )
        self._learn(standing)

    async def _wait(self) -> None:
        """Until the next thing to do, or news that change it. News that do not leave the timer as it is."""
        move = self._progress.next_move()

        def something_new() -> bool:
            return self._progress.over or self._progress.next_move() != move or _long()

        if move is None:
            await workflow.wait_condition(something_new)
        else:
            await self._time.until(move.at, or_when=something_new, summary=wait_summary(self._progress, move))

    def _go_on_with_fresh_history(self) -> NoReturn:
        self._show()
        workflow.continue_as_new(
            ClaimStart(
                claim=self._claim,
                standing=self._progress.standing,
                segments=self._time.segments,
                progress=self._progress,
            )
        )

    # News, in any order and any number of times

    @workflow.signal(description="申请状态变了")
    def changed(self, standing: ClaimStanding) -> None:
        """claims.claim.changed.v1."""
        self._learn(standing)

    @workflow.signal(description="演练时钟变了，重设计时")
    def clock_changed(self, segments: list[Segment]) -> None:
        """The rehearsal clock has a new segment."""
        self._time.changed(segments)

    def _learn(self, standing: ClaimStanding) -> None:
        self._progress.learn(standing, self._time.now())

    # What people see

    async def _keep_shown(self) -> None:
        """Keep details and search attributes up to date."""
        while True:
            await workflow.wait_condition(lambda: view_of_claim(self._progress) != self._shown)
            self._show()

    def _show(self) -> None:
        before, self._shown = self._shown, view_of_claim(self._progress)
        workflow.set_current_details(self._shown.details)
        changes = self._changes(before, self._shown)
        if changes:
            workflow.upsert_search_attributes(changes)

    def _changes(self, before: ClaimView | None, now: ClaimView) -> list[SearchAttributeUpdate[Any]]:
        """The search attributes that differ."""
        changes: list[SearchAttributeUpdate[Any]] = []
        if now.phase != self._phase:
            self._phase = now.phase
            changes.append(PHASE.value_set(now.phase))
        if now.overdue != (before is not None and before.overdue):
            changes.append(OVERDUE.value_set(now.overdue))
        if now.next_deadline != (before and before.next_deadline):
            due = now.next_deadline
            changes.append(NEXT_DEADLINE.value_set(due) if due else NEXT_DEADLINE.value_unset())
        return changes


def _long() -> bool:
    return workflow.info().get_current_history_length() > LONGEST_HISTORY
