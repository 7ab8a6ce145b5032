"""What insurance-svc keeps of members: mobile and address are not needed for insurance, so they are not kept."""

from typing import ClassVar

from unioncard.personal import PersonalFields


class PersonalData(PersonalFields):
    """As :class:`PersonalFields`, for the fields that lists and lookups need."""

    KEPT: ClassVar[frozenset[str] | None] = frozenset(
        ("id", "version", "union_id", "number", "state", "kind", "name", "document_type", "document_number")
    )
