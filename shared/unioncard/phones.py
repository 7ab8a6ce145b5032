"""Mainland mobile numbers (手机号码)."""

import re

from unioncard.text import InvalidValue, half_width, without_spaces

_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_HYPHENS = re.compile(r"(?<=[0-9])-(?=[0-9])")
_COUNTRY = re.compile(r"^(\+86|0086|86)(?=1[0-9]{10}$)")
_REMEDY = "请填写 11 位中国大陆手机号码，以 13 至 19 开头"


class PhoneError(InvalidValue):
    """A mobile number that is none."""


def normalise_mobile(raw: str | int | float | None) -> str:
    """Eleven digits, without +86, spaces, hyphens and full-width digits. Raises :class:`PhoneError`.

    A numeric cell is taken when it is a whole number: eleven digits pass through Excel unharmed.
    """
    if isinstance(raw, float):
        raw = int(raw) if raw.is_integer() else "?"
    text = without_spaces(half_width(str(raw if raw is not None else "")))
    if not text:
        raise PhoneError("mobile-missing", "手机号码为空", _REMEDY)
    digits = _COUNTRY.sub("", _HYPHENS.sub("", text))
    if not _MOBILE.fullmatch(digits):
        raise PhoneError("mobile-format", "手机号码不正确", _REMEDY)
    return digits


def mask_mobile(mobile: str) -> str:
    """As lists show it: ``138****5678``."""
    return f"{mobile[:3]}****{mobile[-4:]}" if len(mobile) == 11 else "****"
