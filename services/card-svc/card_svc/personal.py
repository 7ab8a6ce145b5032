"""What card-svc keeps of members, and their card numbers, in the one form that its tables have them in: encrypted."""

from typing import ClassVar

from unioncard.personal import PersonalFields


class PersonalData(PersonalFields):
    """As :class:`PersonalFields`, with what goes to the bank and what comes from it."""

    ENCRYPTED: ClassVar[tuple[str, ...]] = ("name", "document_number", "mobile", "address")

    def masked_card(self, member_id: int, value: str | None) -> str | None:
        """A card number as lists show it: ``6299****1234``."""
        if value is None:
            return None
        number = self.decrypt("card_number", member_id, value)
        return f"{number[:4]}****{number[-4:]}"

    def card_hash(self, number: str) -> str:
        """For uniqueness of card numbers."""
        return self._hash.hash("card-number", number)
