"""What an event asks of Temporal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from temporalio.common import SearchAttributePair

from unioncard.clock_segments import Segment

Table = Sequence[Segment]


@dataclass(frozen=True, slots=True)
class Errand:
    """A workflow that must be there, and perhaps a signal to it.

    With ``parent_id`` a running workflow of that id is asked to start it as its child, by the signal
    ``parent_signal`` with ``start``; where none runs, it is started without a parent. ``again``: what has ended is
    started anew, where the facts can go on after their end.
    """

    workflow: Callable[..., Any]
    workflow_id: str
    start: BaseModel
    attributes: list[SearchAttributePair[Any]]
    summary: str
    introduction: str
    signal: str | None = None
    signal_args: Sequence[Any] = field(default=())
    parent_id: str | None = None
    parent_signal: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A signal to a workflow if it runs; otherwise nobody needs it."""

    workflow_id: str
    signal: str
    args: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Announcement:
    """A signal to every running workflow that a query finds; ``name`` keeps those of one thing in order."""

    name: str
    query: str
    signal: str
    args: Sequence[Any]


Task = Errand | Word | Announcement
