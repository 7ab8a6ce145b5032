"""What card-svc keeps of members, and their card numbers, in the one form that its tables have them in: encrypted."""

from collections.abc import Mapping
from typing import ClassVar

from unioncard.keys import Keys
from unioncard.personal import PersonalFields


class PersonalData(PersonalFields):
    """As :class:`PersonalFields`, with what goes to the bank and what comes from it."""

    ENCRYPTED: ClassVar[tuple[str, ...]] = ("name", "document_number", "mobile", "address")

    def __init__(self, keys: Keys) -> None:
        super().__init__(keys)
        self._sealer = keys.transport_sealer()

    def sealed_cards(self, numbers: Mapping[int, str]) -> tuple[dict[str, str], dict[int, str]]:
        """Card numbers by member for those who read our messages: the message's seal, and each number under it.

        About 30 µs a number, so run it in a thread.
        """
        seal = self._sealer.new_message()
        opened = ((member, self.decrypt("card_number", member, number)) for member, number in numbers.items())
        return seal.header, {member: seal.encrypt("card_number", member, number) for member, number in opened}

    def masked_card(self, member_id: int, value: str | None) -> str | None:
        """A card number as lists show it: ``6299****1234``."""
        if value is None:
            return None
        number = self.decrypt("card_number", member_id, value)
        return f"{number[:4]}****{number[-4:]}"

    def card_hash(self, number: str) -> str:
        """For uniqueness of card numbers."""
        return self._hash.hash("card-number", number)

    def card_hashes(self, number: str) -> list[str]:
        """What a search for a card number asks for while keys rotate; the current key's hash first."""
        return list(self._hash.all_versions("card-number", number))
