"""Handlers and the inbox around them: how a service takes part in the conversation."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import structlog
from opentelemetry.trace import SpanKind

from unioncard import telemetry
from unioncard.contracts.model import REGISTRY, Command, Contract, Reply, contract_of
from unioncard.contracts.replies import CommandFailed, CommandRefused, CommandSucceeded
from unioncard.messaging import inbox
from unioncard.messaging.consumer import Unavailable
from unioncard.messaging.dead_letters import Record, dead_letter
from unioncard.messaging.envelope import Envelope, MalformedMessage
from unioncard.unit_of_work import Transaction, UnitOfWork

log = structlog.get_logger()

C = TypeVar("C", bound=Contract)


@dataclass(frozen=True, slots=True)
class Message(Generic[C]):
    """A decoded message. ``traceparent`` is that of the span that handles it: pass it on with what you publish."""

    data: C
    envelope: Envelope
    traceparent: str | None

    @property
    def key(self) -> str:
        """The business key of a command."""
        return self.envelope.idempotencykey or self.envelope.id


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The command is done; ``result`` goes back and is stored."""

    result: Contract


@dataclass(frozen=True, slots=True)
class Refused:
    """A business refusal, stored like a success. ``detail`` is Chinese."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A call to a partner was recorded; whoever makes it will answer."""


Outcome = Succeeded | Refused | Pending
EventHandler = Callable[[Transaction, Sequence[Message[Any]]], Awaitable[None]]
CommandHandler = Callable[[Transaction, Sequence[Message[Any]]], Awaitable[Sequence[Outcome]]]


@dataclass(frozen=True, slots=True)
class Handlers:
    """What a service listens to: sets of messages of one type, in the order they came."""

    events: Mapping[type[Contract], EventHandler]
    commands: Mapping[type[Contract], CommandHandler]

    def topics(self) -> list[str]:
        """The topics these types lie in."""
        return sorted({contract.TOPIC for contract in (*self.events, *self.commands)})


class InboxProcessor:
    """Counts each message once: claims, handlers, answers and outgoing messages share one transaction."""

    def __init__(self, work: UnitOfWork, handlers: Handlers, group: str) -> None:
        self._work = work
        self._handlers = handlers
        self._group = group

    async def process(self, records: Sequence[Record]) -> None:
        """See :class:`~unioncard.messaging.consumer.Processor`. Statements do not grow with the number of records."""
        envelopes = [Envelope.decode(record.body) for record in records]
        wanted = [e for e in envelopes if self._listens_to(e)]
        if not wanted:
            return
        first: dict[str, Envelope] = {}
        for envelope in wanted:
            first.setdefault(_inbox_key(envelope), envelope)
        async with self._work.begin("messages") as tx:
            fresh = await inbox.claim(tx.conn, [_claim(key, envelope) for key, envelope in first.items()])
            answers: dict[str, Reply | None] = {}
            for type_ in dict.fromkeys(e.type for e in wanted):
                mine = [(k, e) for k, e in first.items() if e.type == type_ and k in fresh]
                if mine:
                    answers |= await self._handle(tx, type_, mine)
            await inbox.answer(tx.conn, {k: stored(a) for k, a in answers.items() if a is not None})
            await self._answer_repeats(tx, wanted, first, fresh, answers)
            for key, reply in answers.items():
                if reply is not None:
                    publish_reply(tx, first[key].replyto, key, reply, first[key].traceparent)

    def _listens_to(self, envelope: Envelope) -> bool:
        contract = REGISTRY.get(envelope.type)
        if contract is None:
            raise MalformedMessage(f"unknown type {envelope.type}")
        return contract in self._handlers.events or contract in self._handlers.commands

    async def _handle(
        self, tx: Transaction, type_: str, claimed: Sequence[tuple[str, Envelope]]
    ) -> dict[str, Reply | None]:
        """Run the handler of one type; the reply of each command that is finished, None for one that is pending."""
        tx.actor = f"message:{type_}"
        contract = REGISTRY[type_]
        messages = [_opened(envelope) for _, envelope in claimed]
        telemetry.messages_handled.labels(type_).inc(len(messages))
        if contract in self._handlers.events:
            await self._handlers.events[contract](tx, messages)
            return {}
        outcomes = await self._handlers.commands[contract](tx, messages)
        now = datetime.now(UTC)
        seconds = telemetry.command_seconds.labels(type_)
        for _, envelope in claimed:
            seconds.observe(max(0.0, (now - envelope.time).total_seconds()))
        return {key: reply_of(type_, outcome) for (key, _), outcome in zip(claimed, outcomes, strict=True)}

    async def _answer_repeats(
        self,
        tx: Transaction,
        wanted: Sequence[Envelope],
        first: Mapping[str, Envelope],
        fresh: set[str],
        answers: Mapping[str, Reply | None],
    ) -> None:
        """Give repeats the first answer, at their own address; those that come while it runs will be told with it."""
        repeats = [(key, e) for e in wanted if (key := _inbox_key(e)) not in fresh or first[key] is not e]
        if not repeats:
            return
        for _, envelope in repeats:
            telemetry.inbox_duplicates.labels(envelope.type).inc()
        commands = [(key, e) for key, e in repeats if e.replyto]
        if not commands:
            return
        remembered = await inbox.known(tx.conn, sorted({key for key, _ in commands}))
        joining: list[tuple[str, str]] = []
        for key, envelope in commands:
            seen = remembered.get(key)
            if seen is None:
                # It was running when we claimed, and its partner failed before we looked: it is nobody's now. The
                # whole batch again will find it new.
                raise Unavailable("a running command ended meanwhile")
            if seen.answer is not None:
                publish_reply(tx, envelope.replyto, key, restored(seen.answer), envelope.traceparent)
            elif envelope.replyto:
                joining.append((key, envelope.replyto))
        await inbox.join(tx.conn, joining)

    async def set_aside(self, record: Record, reason: str) -> None:
        """Write the dead letter through the outbox, once; a dead command also tells its workflow."""
        async with self._work.begin("messages") as tx:
            key = f"dead:{self._group}/{record.topic}/{record.partition}/{record.offset}"
            if not await inbox.claim(tx.conn, [inbox.Claim(key, "done")]):
                return
            tx.outbox.append(dead_letter(record, self._group, reason, self._work.source))
            try:
                envelope = Envelope.decode(record.body)
            except MalformedMessage:
                return
            if envelope.replyto:
                failed = CommandFailed(command=envelope.type, reason=reason, dead=True)
                publish_reply(tx, envelope.replyto, _inbox_key(envelope), failed, envelope.traceparent)


def _inbox_key(envelope: Envelope) -> str:
    if issubclass(REGISTRY.get(envelope.type, Contract), Command):
        if not envelope.idempotencykey:
            raise MalformedMessage(f"{envelope.type}: a command without idempotencykey")
        return envelope.idempotencykey
    return f"event:{envelope.source}/{envelope.id}"


def _claim(key: str, envelope: Envelope) -> inbox.Claim:
    is_command = issubclass(REGISTRY[envelope.type], Command)
    return inbox.Claim(key, "running" if is_command else "done", envelope.replyto)


def _opened(envelope: Envelope) -> Message[Contract]:
    data = contract_of(envelope)
    if not telemetry.is_kept(envelope.traceparent):
        return Message(data, envelope, envelope.traceparent)
    with telemetry.span(f"handle {envelope.type}", kind=SpanKind.CONSUMER, parent=envelope.traceparent):
        return Message(data, envelope, telemetry.current_traceparent())


def reply_of(command: str, outcome: Outcome) -> Reply | None:
    """The reply that an outcome makes, None while a partner is still asked."""
    match outcome:
        case Succeeded(result):
            return CommandSucceeded(command=command, result=result.model_dump(mode="json"))
        case Refused(code, detail):
            return CommandRefused(command=command, code=code, detail=detail)
        case Pending():
            return None


def stored(reply: Reply) -> dict[str, Any]:
    """A final answer as the inbox keeps it: without address."""
    return {"type": reply.TYPE, "data": reply.model_dump(mode="json")}


def restored(answer: Mapping[str, Any]) -> Reply:
    """A stored answer as a reply again."""
    reply = REGISTRY[answer["type"]].model_validate(answer["data"])
    assert isinstance(reply, Reply)  # only replies are stored
    return reply


def publish_reply(tx: Transaction, address: str | None, key: str, reply: Reply, traceparent: str | None) -> None:
    """Send an answer home; a command without address asked for none."""
    if address:
        tx.publish(reply, key=key, subject=key, idempotency_key=key, reply_to=address, traceparent=traceparent)
