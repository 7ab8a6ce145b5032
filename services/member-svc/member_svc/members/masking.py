"""What lists show of fields that are masked unless a purpose is given."""

from datetime import date

from unioncard.documents import DocumentType, Sex, mask_document
from unioncard.phones import mask_mobile


def mask_address(address: str) -> str:
    """The first six characters: enough to tell the district, not the door."""
    return f"{address[:6]}****"


_MASKS = {"document_number": mask_document, "mobile": mask_mobile, "address": mask_address}


def shown(field: str, value: str | date | None) -> str | None:
    """A field's value for staff: masked where it must be, labels in Chinese."""
    if value is None:
        return None
    text = value.isoformat() if isinstance(value, date) else value
    if field in _MASKS:
        return _MASKS[field](text)
    if field == "sex":
        return Sex(text).label
    return DocumentType(text).label if field == "document_type" else text
