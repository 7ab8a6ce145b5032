"""How staff see fields: labels in Chinese, and what is masked unless a purpose is given."""

from datetime import date

from unioncard.documents import DocumentType, Sex, mask_document
from unioncard.phones import mask_mobile


def mask_address(address: str) -> str:
    """The first six characters: enough to tell the district, not the door."""
    return f"{address[:6]}****"


_MASKS = {"document_number": mask_document, "mobile": mask_mobile, "address": mask_address}


def label(field: str, value: str | date) -> str:
    """A stored value as it stands in sheets."""
    if isinstance(value, date):
        return value.isoformat()
    if field == "sex":
        return Sex(value).label
    return DocumentType(value).label if field == "document_type" else value


def shown(field: str, value: str | date | None) -> str | None:
    """A stored value as it stands in lists."""
    if value is None:
        return None
    text = label(field, value)
    return _MASKS[field](text) if field in _MASKS else text
