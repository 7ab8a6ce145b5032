"""What costs CPU, in worker processes: lines checked, encrypted for the table and sealed for the readers."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import orjson

from member_svc.legacy.rules import LegacyMember, read_line
from member_svc.members.events import MESSAGE_BYTES, MESSAGE_ROWS
from member_svc.members.sealing import Sealing
from unioncard.chunks import Chunk, Reject, Source
from unioncard.contracts.members import MemberState
from unioncard.crypto import Seal, TransportSealer
from unioncard.keys import load_keys

# The columns of the staging table, in the order in which lines are written for COPY.
STAGED = (
    "id",
    "line",
    "union_id",
    "number",
    "state",
    "kind",
    "left_reason",
    "name_enc",
    "name_hash",
    "document_type",
    "document_enc",
    "document_hash",
    "document_expiry",
    "nationality",
    "sex",
    "birth_date",
    "mobile_enc",
    "address_enc",
    "education",
    "household",
    "grade",
    "post",
)


# An empty cell in COPY's text format.
_NULL = "\\N"


@dataclass(slots=True)
class SealedMembers:
    """One message's members of one union (None: of none), each in JSON as the contract says."""

    union_id: int | None
    seal: Seal
    ids: list[int] = field(default_factory=list)
    members: list[bytes] = field(default_factory=list)
    size: int = 0

    def full(self, length: int) -> bool:
        """Whether another member of this length has no place."""
        return len(self.ids) == MESSAGE_ROWS or self.size + length > MESSAGE_BYTES


@dataclass(slots=True)
class Prepared:
    """A chunk as it goes into the database."""

    staged: int
    copy: bytes
    rejects: list[Reject]
    messages: list[tuple[int | None, dict[str, str], list[int], list[bytes]]]


@dataclass(frozen=True, slots=True)
class _Desk:
    """What a worker process works with."""

    sealing: Sealing
    sealer: TransportSealer
    unions: dict[str, int]
    today: date


_desks: list[_Desk] = []


def begin(keys_file: Path, unions: dict[str, int], today: date) -> None:
    """First call in a worker process."""
    keys = load_keys(keys_file)
    _desks[:] = [_Desk(Sealing.of(keys), keys.transport_sealer(), unions, today)]


def prepare(source: Source, chunk: Chunk, ids: list[int]) -> Prepared:
    """Everything about a chunk that needs no database. ``ids`` are for its members, one a line."""
    (desk,) = _desks
    rows, rejects = source.rows(chunk)
    staged: list[str] = []
    messages: list[SealedMembers] = []
    newest: dict[int | None, SealedMembers] = {}
    fresh = iter(ids)
    for line, cells in rows:
        member = read_line(line, cells, desk.unions, desk.today)
        if isinstance(member, Reject):
            rejects.append(member)
            continue
        member_id = next(fresh)
        staged.append(_copy_line(member, member_id, desk.sealing))
        _seal(member, member_id, newest, messages, desk.sealer)
    return Prepared(
        staged=len(staged),
        copy="".join(staged).encode(),
        rejects=rejects,
        messages=[(one.union_id, one.seal.header, one.ids, one.members) for one in messages],
    )


def _state(member: LegacyMember) -> MemberState:
    return MemberState.WITHOUT_UNION if member.union_id is None else MemberState.NORMAL


def _copy_line(member: LegacyMember, member_id: int, sealing: Sealing) -> str:
    """A line in COPY's text format. No value has a tab, a line end or a backslash: they come from lists of ours, are
    digits, or are base64."""
    encrypt = sealing.cipher.encrypt
    reason, expiry = member.left_reason, member.document_expiry
    return (
        f"{member_id}\t{member.line}\t{member.union_id or _NULL}\t{member.number}\t{_state(member)}\t{member.kind}\t"
        f"{reason or _NULL}\t{encrypt('name', member_id, member.name)}\t{sealing.name_hash(member.name)}\t"
        f"{member.document_type}\t{encrypt('document_number', member_id, member.document_number)}\t"
        f"{sealing.hash_of_document(member.document_type, member.document_number)}\t{expiry or _NULL}\t"
        f"{member.nationality or _NULL}\t{member.sex}\t{member.birth_date}\t"
        f"{encrypt('mobile', member_id, member.mobile)}\t{encrypt('address', member_id, member.address)}\t"
        f"{member.education}\t{member.household}\t{member.grade}\t{member.post}\n"
    )


def _seal(
    member: LegacyMember,
    member_id: int,
    newest: dict[int | None, SealedMembers],
    messages: list[SealedMembers],
    sealer: TransportSealer,
) -> None:
    """Put the member into its union's newest message, or into a new one where that is full."""
    message = newest.get(member.union_id)
    encoded = _encoded(member, member_id, message.seal) if message else b""
    if message is None or message.full(len(encoded)):
        message = newest[member.union_id] = SealedMembers(member.union_id, sealer.new_message())
        messages.append(message)
        # Sealed with another message's key, it would not open in this one.
        encoded = _encoded(member, member_id, message.seal)
    message.ids.append(member_id)
    message.members.append(encoded)
    message.size += len(encoded) + 1


def _encoded(member: LegacyMember, member_id: int, seal: Seal) -> bytes:
    """:class:`unioncard.contracts.members.Member` in JSON."""
    return orjson.dumps(
        {
            "id": member_id,
            "version": 1,
            "union_id": member.union_id,
            "number": member.number,
            "state": _state(member),
            "kind": member.kind,
            "document_type": member.document_type,
            "document_expiry": member.document_expiry,
            "nationality": member.nationality,
            "sex": member.sex,
            "birth_date": member.birth_date,
            "name": seal.encrypt("name", member_id, member.name),
            "document_number": seal.encrypt("document_number", member_id, member.document_number),
            "mobile": seal.encrypt("mobile", member_id, member.mobile),
            "address": seal.encrypt("address", member_id, member.address),
        }
    )
