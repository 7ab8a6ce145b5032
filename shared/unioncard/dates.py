"""Days in Shanghai. Deadlines are whole days there, first and last day included (domain 5)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

LONG_TERM = date(9999, 12, 31)
"""证件到期日 of a document that never expires (长期)."""


def shanghai_date(instant: datetime) -> date:
    """The day in Shanghai at this instant. Raises ValueError without a time zone."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(SHANGHAI).date()


def day_in_words(day: date) -> str:
    """``2019年11月1日``."""
    return f"{day.year}年{day.month}月{day.day}日"


def day_start(day: date) -> datetime:
    """The first instant of the day in Shanghai, in UTC."""
    return datetime.combine(day, time.min, SHANGHAI).astimezone(UTC)


def day_end_exclusive(day: date) -> datetime:
    """The first instant too late for the day: 00:00 in Shanghai of the next one, in UTC."""
    return day_start(day + timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Window:
    """Days from first to last, both included: 23:59:59.999999 of the last is in, 00:00 of the next is out."""

    first_day: date
    last_day: date

    def __post_init__(self) -> None:
        if self.last_day < self.first_day:
            raise ValueError(f"the window ends on {self.last_day}, before it begins on {self.first_day}")

    @property
    def opens_at(self) -> datetime:
        """The first instant inside, in UTC."""
        return day_start(self.first_day)

    @property
    def closes_at(self) -> datetime:
        """The first instant too late, in UTC."""
        return day_end_exclusive(self.last_day)

    def contains(self, instant: datetime) -> bool:
        """Whether the instant's day in Shanghai lies inside."""
        return self.first_day <= shanghai_date(instant) <= self.last_day
