"""Filters of lists: a condition for each that was given, nothing for the others."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

Filter = tuple[Any, Callable[[Any], sa.ColumnElement[bool]]]


def conditions(*filters: Filter) -> list[sa.ColumnElement[bool]]:
    """The conditions of those filters whose value is not None."""
    return [condition(value) for value, condition in filters if value is not None]
