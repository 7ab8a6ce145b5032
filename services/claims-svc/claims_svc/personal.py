"""What claims-svc keeps of members and claims: mobile and address are not needed, so they are not kept."""

from collections.abc import Sequence
from typing import ClassVar

from unioncard.contracts.payees import PayeesTold
from unioncard.crypto import CryptoError
from unioncard.messaging.envelope import MalformedMessage
from unioncard.personal import PersonalFields


class PersonalData(PersonalFields):
    """As :class:`PersonalFields`, with hashes of what must not be paid twice and of the accounts money goes to."""

    KEPT: ClassVar[frozenset[str] | None] = frozenset(
        ("id", "version", "union_id", "number", "state", "kind", "name", "document_type", "document_number")
    )

    def event_hash(self, event: str) -> str:
        """For equality of what happened to one member (``illness:malignant_tumour``)."""
        return self._hash.hash("claim-event", event)

    def event_hashes(self, event: str) -> Sequence[str]:
        """What a search for an event asks for while keys rotate."""
        return self._hash.all_versions("claim-event", event)

    def account_hash(self, account_number: str) -> str:
        """For equality of bank accounts."""
        return self._hash.hash("bank-account", account_number)

    def card_numbers(self, told: PayeesTold) -> dict[int, str]:
        """The card numbers of a message by member, opened with its key and encrypted with ours.

        Run it in a thread. Raises MalformedMessage where it does not open.
        """
        try:
            seal = self._opener.open(told.seal)
            return {
                one.member_id: self.encrypt(
                    "card_number", one.member_id, seal.decrypt("card_number", one.member_id, one.card_number)
                )
                for one in told.payees
                if one.card_number is not None
            }
        except CryptoError as error:
            raise MalformedMessage(f"{PayeesTold.TYPE}: {error}") from None

    def sealed_file(self, field: str, subject: str, content: bytes) -> bytes:
        """A file as it goes into the object store."""
        return self._cipher.encrypt_bytes(field, subject, content)

    def opened_file(self, field: str, subject: str, content: bytes) -> bytes:
        """The file as it was sent."""
        return self._cipher.decrypt_bytes(field, subject, content)
