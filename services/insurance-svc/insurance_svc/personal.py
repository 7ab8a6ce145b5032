"""Personal data at the edge of this service: opened from messages, encrypted for the tables, opened for those who may.

Everything that holds a plain name, number, mobile or address does so through this module.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from unioncard.contracts.members import MembersChanged
from unioncard.crypto import CryptoError
from unioncard.documents import mask_document
from unioncard.keys import Keys
from unioncard.messaging.envelope import MalformedMessage

# Mobile and address are not needed for insurance, so they are not kept.
ENCRYPTED = ("name", "document_number")
KEPT = {"id", "version", "union_id", "number", "state", "kind", "name", "document_type", "document_number"}


class PersonalData:
    """The service's own encryption and keyed hashes, and the opener of member-svc's messages."""

    def __init__(self, keys: Keys) -> None:
        self._cipher = keys.field_cipher()
        self._hash = keys.keyed_hash()
        self._opener = keys.transport_opener()

    def resealed(self, messages: Iterable[MembersChanged]) -> list[dict[str, Any]]:
        """Rows for the read model: opened with the messages' keys, encrypted with ours, hashed for equality.

        About 30 µs a member, so run it in a thread. Raises MalformedMessage where a message does not open.
        """
        rows: list[dict[str, Any]] = []
        for message in messages:
            try:
                seal = self._opener.open(message.seal)
                for member in message.members:
                    row = member.model_dump(include=KEPT)
                    for field in ENCRYPTED:
                        row[field] = seal.decrypt(field, member.id, row[field])
                    row["name_hash"] = self.name_hash(row["name"])
                    row["document_hash"] = self.document_hash(row["document_number"])
                    for field in ENCRYPTED:
                        row[field] = self.encrypt(field, member.id, row[field])
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
        return self._cipher.decrypt("name", member_id, value)

    def masked_document(self, member_id: int, value: str) -> str:
        """A member's document number as lists show it: ``3411****6755``."""
        return mask_document(self._cipher.decrypt("document_number", member_id, value))

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
