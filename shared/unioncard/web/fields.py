"""Types of request fields that every service needs, so that no input reaches the database that it cannot hold."""

from datetime import date
from typing import Annotated

from fastapi import Path
from pydantic import Field, StringConstraints

Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""An id of ours: fits a bigint."""

PathId = Annotated[int, Path(ge=1, le=2**63 - 1)]
"""The same in a path."""

Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2999, 12, 31))]
"""A day that Shanghai's clock and PostgreSQL's instants can both express."""

# PostgreSQL cannot store NUL in text.
_NO_NUL = r"^[^\x00]*$"

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_NUL)]
"""A line of text, 1 to 200 characters."""

LongText = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=_NO_NUL)]
"""A paragraph, 1 to 2,000 characters."""


def file_name_of(name: str | None) -> str:
    """What an upload is called: the last part of its path without characters that no name has, 100 at most."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable()).encode(errors="ignore").decode()[-100:] or "未命名"
