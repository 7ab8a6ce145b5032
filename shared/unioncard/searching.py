"""What staff type to find somebody, in the form in which it was hashed."""

from unioncard.names import normalise_name
from unioncard.problems import invalid
from unioncard.text import InvalidValue, half_width, without_spaces


def name_key(value: str) -> str:
    """A name as it is hashed, however it was typed; 422 if it can be nobody's."""
    try:
        return normalise_name(value)
    except InvalidValue as error:
        raise invalid(error.code, error.reason_zh, error.remedy_zh) from None


def document_key(value: str) -> str:
    """A document number as it is hashed, however it was typed."""
    return without_spaces(half_width(value)).upper()
