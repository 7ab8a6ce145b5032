"""One transaction: the facts, their audit and the messages they cause, all or nothing.

Nobody commits but the edge that opened it. Messages and audit rows gather in memory and are written last, with one
statement each, after the guarded updates: a transaction that loses a race has then written nothing to undo.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from unioncard.clock import Clock
from unioncard.contracts.model import Contract
from unioncard.messaging import outbox
from unioncard.messaging.envelope import Envelope, new_id
from unioncard.messaging.outbox import Outgoing
from unioncard.telemetry import current_traceparent

_AUDIT = sa.text("""
    INSERT INTO audit_log (business_at, actor, organisation_id, action, subject, before, after, traceparent)
    SELECT business_at, actor, organisation_id, action, subject, CAST(before AS jsonb), CAST(after AS jsonb),
           traceparent
    FROM unnest(CAST(:times AS timestamptz[]), CAST(:actors AS text[]), CAST(:organisations AS bigint[]),
                CAST(:actions AS text[]), CAST(:subjects AS text[]), CAST(:befores AS text[]), CAST(:afters AS text[]),
                CAST(:traceparents AS text[]))
         AS new(business_at, actor, organisation_id, action, subject, before, after, traceparent)
""")


#: The business time at which the HTTP request under way reached this process; the edge sets it. None outside of one.
RECEIVED_AT: ContextVar[datetime | None] = ContextVar("received_at", default=None)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row of the audit to be."""

    business_at: datetime
    actor: str
    organisation_id: int | None
    action: str
    subject: str
    before: str | None
    after: str | None
    traceparent: str | None


@dataclass(slots=True)
class Transaction:
    """What a handler or endpoint works with. ``now`` is the business time at which the request was received."""

    conn: AsyncConnection
    source: str
    actor: str
    now: datetime
    outbox: list[Outgoing] = field(default_factory=list)
    traceparent: str | None = None
    """The trace of whoever is acted for; None: the one under way."""
    _audit: list[_Entry] = field(default_factory=list)

    def on_behalf_of(self, actor: str, now: datetime, traceparent: str | None) -> "Transaction":
        """This transaction for one of several who are served together: what it records is theirs, at their time."""
        return replace(self, actor=actor, now=now, traceparent=traceparent)

    def publish(
        self,
        contract: Contract,
        *,
        key: str,
        subject: str | None = None,
        idempotency_key: str | None = None,
        reply_to: str | None = None,
        traceparent: str | None = None,
    ) -> None:
        """Send a message when the transaction commits. ``key`` is the union's id or a business number.

        Raises :class:`~unioncard.messaging.envelope.MessageTooLarge` at once if it could never be sent.
        """
        self.publish_data(
            type(contract),
            contract.model_dump(mode="json"),
            key=key,
            subject=subject,
            idempotency_key=idempotency_key,
            reply_to=reply_to,
            traceparent=traceparent,
        )

    def publish_data(
        self,
        contract: type[Contract],
        data: Mapping[str, Any],
        *,
        key: str,
        subject: str | None = None,
        idempotency_key: str | None = None,
        reply_to: str | None = None,
        traceparent: str | None = None,
    ) -> None:
        """The same with data as the contract has it in JSON, for bulk: parts may be ``orjson.Fragment``."""
        envelope = Envelope(
            id=new_id(),
            source=self.source,
            type=contract.TYPE,
            subject=subject,
            time=datetime.now(UTC),
            traceparent=traceparent or self.traceparent or current_traceparent(),
            idempotencykey=idempotency_key,
            replyto=reply_to,
            data=dict(data),
        )
        self.outbox.append(outbox.outgoing(envelope, contract, key))

    def audit(
        self,
        action: str,
        subject: str,
        *,
        organisation_id: int | None = None,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Record who did what to which thing: one entry for a set, with its counts, or one each if it matters."""
        self._audit.append(
            _Entry(
                self.now,
                self.actor,
                organisation_id,
                action,
                subject,
                orjson.dumps(before, default=str).decode() if before is not None else None,
                orjson.dumps(after, default=str).decode() if after is not None else None,
                self.traceparent or current_traceparent(),
            )
        )

    async def flush(self) -> None:
        """Write audit rows and messages. Called by the edge just before it commits."""
        if self._audit:
            entries = self._audit
            await self.conn.execute(
                _AUDIT,
                {
                    "times": [one.business_at for one in entries],
                    "actors": [one.actor for one in entries],
                    "organisations": [one.organisation_id for one in entries],
                    "actions": [one.action for one in entries],
                    "subjects": [one.subject for one in entries],
                    "befores": [one.before for one in entries],
                    "afters": [one.after for one in entries],
                    "traceparents": [one.traceparent for one in entries],
                },
            )
            self._audit.clear()
        messages, self.outbox = self.outbox, []
        await outbox.insert(self.conn, messages)


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """Opens transactions for one service."""

    engine: AsyncEngine
    clock: Clock
    source: str

    @asynccontextmanager
    async def begin(self, actor: str) -> AsyncIterator[Transaction]:
        """A transaction by ``actor`` (``account:17``, ``message:card.batch.submit.v1``, ``partner:bank``).

        The business time is that at which the request came, before its body was read and before the database was asked
        for anything: deadlines are judged by when a request was received, not by how long it waited.
        """
        now = RECEIVED_AT.get() or self.clock.now()
        async with self.engine.begin() as conn:
            tx = Transaction(conn, self.source, actor, now)
            yield tx
            await tx.flush()
