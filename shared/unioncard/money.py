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


_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿")
_LIMIT = 10**14


def capital_yuan(amount: Fen) -> str:
    """In Chinese capitals (大写), as vouchers want it: 123405 → ``壹仟贰佰叁拾肆元零伍分``, 650 → ``陆元伍角整``.

    By the payment and settlement rules (支付结算办法, annex): one 零 for a run of zeros, 整 after 元 and 角. Where the
    rules leave 零 to the writer it is left out. Raises ValueError from one trillion yuan on.
    """
    if abs(amount) >= _LIMIT:
        raise ValueError("too much to be written out")
    yuan, rest = divmod(abs(amount), 100)
    jiao, fen = divmod(rest, 10)
    text = f"{_capital_integer(yuan)}元" if yuan else ""
    if jiao:
        text += f"{_DIGITS[jiao]}角"
    elif fen and yuan:
        text += "零"
    if fen:
        text += f"{_DIGITS[fen]}分"
    return ("负" if amount < 0 else "") + (text or "零元") + ("" if fen else "整")


def _capital_integer(number: int) -> str:
    text = ""
    for place in range(len(_GROUPS) - 1, -1, -1):
        group = number // 10_000**place % 10_000
        if not group:
            continue
        if text and (group < 1000 or number // 10_000 ** (place + 1) % 10_000 == 0):
            text += "零"
        text += _capital_group(group) + _GROUPS[place]
    return text


def _capital_group(group: int) -> str:
    text, zero = "", False
    for place in range(3, -1, -1):
        digit = group // 10**place % 10
        if digit:
            text += ("零" if zero else "") + _DIGITS[digit] + _PLACES[place]
        zero = digit == 0 and bool(text)
    return text
