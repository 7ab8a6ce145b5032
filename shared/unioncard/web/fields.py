"""Types of request fields that every service needs, so that no input reaches the database that it cannot hold."""

from typing import Annotated

from fastapi import Path
from pydantic import Field, StringConstraints

Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""An id of ours: fits a bigint."""

PathId = Annotated[int, Path(ge=1, le=2**63 - 1)]
"""The same in a path."""

# PostgreSQL cannot store NUL in text.
_NO_NUL = r"^[^\x00]*$"

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_NUL)]
"""A line of text, 1 to 200 characters."""

LongText = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=_NO_NUL)]
"""A paragraph, 1 to 2,000 characters."""
