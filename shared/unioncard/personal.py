"""Personal data at the edge of a service that keeps a copy of members: opened from messages, encrypted for its tables,
opened for those who may.

Everything that holds a plain name, number, mobile or address does so through this class, or a service's own kind of it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from unioncard.contracts.members import MembersChanged
from unioncard.crypto import CryptoError
from unioncard.documents import mask_document
from unioncard.keys import Keys
from unioncard.messaging.envelope import MalformedMessage


class PersonalFields:
    """The service's own encryption and keyed hashes, and the opener of member-svc's messages."""

    ENCRYPTED: ClassVar[tuple[str, ...]] = ("name", "document_number")
    """Fields of a member that are kept, encrypted."""
    KEPT: ClassVar[frozenset[str] | None] = None
    """All fields of a member that are kept; None: every one."""

    def __init__(self, keys: Keys) -> None:
        self._cipher = keys.field_cipher()
        self._hash = keys.keyed_hash()
        self._opener = keys.transport_opener()

    def resealed(self, messages: Iterable[MembersChanged]) -> list[dict[str, Any]]:
        """Rows for the read model: opened with the messages' keys, encrypted with ours, hashed for equality.

        About 30 µs a member, so run it in a thread. Raises MalformedMessage where a message does not open.
        """
        rows: list[dict[str, Any]] = []
        encrypt = self._cipher.encrypt
        for message in messages:
            try:
                seal = self._opener.open(message.seal)
                for member in message.members:
                    # Its fields as they are: to dump a model takes as long as to encrypt two of them.
                    told = vars(member)
                    row = {field: told[field] for field in self.KEPT or told}
                    plain = {field: seal.decrypt(field, member.id, told[field]) for field in self.ENCRYPTED}
                    row["name_hash"] = self.name_hash(plain["name"])
                    row["document_hash"] = self.document_hash(plain["document_number"])
                    for field, value in plain.items():
                        row[field] = encrypt(field, member.id, value)
                    rows.append(row)
            except CryptoError as error:
                raise MalformedMessage(f"member.members.changed.v1: {error}") from None
        return rows

    def encrypt(self, field: str, subject: int | str, value: str) -> str:
        """``value`` for the column ``field`` of the subject (a member's id, a batch number …)."""
        return self._cipher.encrypt(field, subject, value)

    def decrypt(self, field: str, subject: int | str, value: str) -> str:
        """The plain text of a column."""
        return self._cipher.decrypt(field, subject, value)

    def name(self, member_id: int, value: str) -> str:
        """A member's name in plain text."""
        return self.decrypt("name", member_id, value)

    def masked_document(self, member_id: int, value: str) -> str:
        """A member's document number as lists show it: ``3411****6755``."""
        return mask_document(self.decrypt("document_number", member_id, value))

    def name_hash(self, name: str) -> str:
        """For equality of names."""
        return self._hash.hash("name", name)

    def document_hash(self, number: str) -> str:
        """For equality of document numbers."""
        return self._hash.hash("document-number", number)

    def name_hashes(self, name: str) -> Sequence[str]:
        """What a search for a name asks for while keys rotate."""
        return self._hash.all_versions("name", name)

    def document_hashes(self, number: str) -> Sequence[str]:
        """What a search for a document number asks for while keys rotate."""
        return self._hash.all_versions("document-number", number)
