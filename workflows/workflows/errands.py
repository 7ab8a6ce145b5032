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
    started anew, where the facts can go on after their end. ``version``: each errand of this workflow says all that
    those of lower versions do, so that they need not be run.
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
    version: int | None = None


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


def outdated(task: Task, others: Sequence[Task]) -> bool:
    """Whether one of the others says all that this one does, and more."""
    if not isinstance(task, Errand) or task.version is None or task.again:
        return False
    versions = [one.version for one in others if isinstance(one, Errand) and one.version is not None]
    return any(version > task.version for version in versions)
