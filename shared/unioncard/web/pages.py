"""Keyset pages: stable under inserts, and as fast on the last page as on the first."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar

import orjson
import sqlalchemy as sa
from fastapi import Depends, Query
from pydantic import BaseModel, Field

from unioncard.problems import Problem

T = TypeVar("T")
Row = TypeVar("Row")


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(None, description="下一页的游标；没有更多时为空")
    total: int | None = Field(None, description="符合条件的总数；仅第一页给出")


class PageRequest:
    """How many rows, and after which."""

    def __init__(self, limit: int = 50, after: str | None = None) -> None:
        self.limit = limit
        self.after: list[Any] | None = _decode(after) if after else None

    def key(self, *types: type) -> tuple[Any, ...] | None:
        """The sort key of the last row seen, or None on the first page; a made-up cursor is refused (422).

        ``types`` are those of the columns: int, str, bool, float, date or an aware datetime.
        """
        if self.after is None:
            return None
        if len(self.after) != len(types):
            raise _bad_cursor()
        return tuple(_value(value, kind) for value, kind in zip(self.after, types, strict=True))


async def _page_request(
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(max_length=500, description="上一页给出的 next")] = None,
) -> PageRequest:
    return PageRequest(limit, after)


Paging = Annotated[PageRequest, Depends(_page_request)]


def after(columns: Sequence[sa.ColumnElement[Any]], key: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Rows that come after ``key`` in ascending order of these columns."""
    return sa.tuple_(*columns) > sa.tuple_(*key)


def before(columns: Sequence[sa.ColumnElement[Any]], key: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Rows that come after ``key`` in descending order of these columns."""
    return sa.tuple_(*columns) < sa.tuple_(*key)


def cursor_after(rows: Sequence[Row], limit: int, key: Callable[[Row], Sequence[Any]]) -> str | None:
    """The cursor of the next page; ask for ``limit + 1`` rows and give all of them here."""
    if len(rows) <= limit:
        return None
    return base64.urlsafe_b64encode(orjson.dumps(list(key(rows[limit - 1])), default=str)).decode().rstrip("=")


def _decode(cursor: str) -> list[Any]:
    try:
        value = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise _bad_cursor() from None
    if not isinstance(value, list):
        raise _bad_cursor()
    return value


def _value(value: Any, kind: type) -> Any:
    """A cursor's value as the type of its column, as PostgreSQL can take it."""
    try:
        if issubclass(kind, date) and isinstance(value, str):
            moment = kind.fromisoformat(value)
            if not isinstance(moment, datetime) or moment.tzinfo is not None:
                return moment
    except ValueError:
        raise _bad_cursor() from None
    fits = type(value) is kind and not (isinstance(value, int) and not -(2**63) <= value < 2**63)
    if not fits or (isinstance(value, str) and "\x00" in value):
        raise _bad_cursor()
    return value


def _bad_cursor() -> Problem:
    return Problem(422, "bad-cursor", "翻页参数无效", "请使用上一页返回的 next，不要自行拼写。")
