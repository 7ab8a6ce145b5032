"""Money: whole fen (分), never fractions and never floats."""

import re
from decimal import Decimal
from typing import NewType

from unioncard.text import InvalidValue, half_width, without_spaces

Fen = NewType("Fen", int)

_YUAN = re.compile(r"-?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]{1,2})?")


class MoneyError(InvalidValue):
    """An amount that cannot be taken."""


def parse_yuan(raw: str | int | Decimal) -> Fen:
    """Exactly the fen of an amount in yuan: ``6.5`` → 650, ``1,234.05`` → 123405. Raises :class:`MoneyError`."""
    text = format(raw, "f") if isinstance(raw, Decimal) else without_spaces(half_width(str(raw)))
    if not _YUAN.fullmatch(text):
        raise MoneyError("amount-format", "金额不正确", "请填写以元为单位的数字，最多两位小数，如 6.50")
    sign = -1 if text.startswith("-") else 1
    yuan, _, fraction = text.removeprefix("-").replace(",", "").partition(".")
    return Fen(sign * (int(yuan) * 100 + int(fraction.ljust(2, "0"))))


def format_yuan(amount: Fen) -> str:
    """With two decimals and commas: 123405 → ``1,234.05``."""
    yuan, fen = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{yuan:,}.{fen:02d}"
