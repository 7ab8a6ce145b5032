"""What a line of ``cards.csv`` must be: pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from unioncard.chunks import Reject

COLUMNS = ("card_number", "numbered_on")

# As banks make them (ISO/IEC 7812 allows 8 to 19), and as the bank's own answers are checked.
_CARD = re.compile(r"[0-9]{12,19}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# The first cards were made in 2010; nothing is older than the system they come from.
_FIRST = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class LegacyCard:
    """A card number and the day in Shanghai on which it was made."""

    card_number: str
    numbered_on: date


def read_line(line: int, cells: Mapping[str, str], today: date) -> LegacyCard | Reject:
    """The card, or what is wrong with the line."""
    number, day = cells["card_number"].replace(" ", ""), cells["numbered_on"].strip()
    if not _CARD.fullmatch(number):
        return Reject(line, "card_number", "卡号不是 12 至 19 位数字", "请填写完整卡号，并保持文本格式")
    try:
        numbered_on = date.fromisoformat(day) if _DAY.fullmatch(day) else None
    except ValueError:
        numbered_on = None
    if numbered_on is None or not _FIRST <= numbered_on <= today:
        return Reject(line, "numbered_on", "卡号生成日期不是有效日期，或晚于今天", "请按 2018-05-31 的格式填写")
    return LegacyCard(number, numbered_on)
