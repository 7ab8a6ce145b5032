"""State machines of Hypothesis that walk through a real service: steps are drawn from those possible at the moment.

Rules of Hypothesis itself would be switched off at random by a walk, and most walks would come nowhere.
"""

import asyncio
import inspect
import os
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

#: Where the tests begin to walk: the same ways each time, so that a change is what turns them red.
USUAL_SEED = 20191101

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., None])


def first_seed() -> int:
    """``UNIONCARD_MACHINE_SEED``: a number, ``any`` for ways nobody has walked yet, or the usual ones."""
    wanted = os.environ.get("UNIONCARD_MACHINE_SEED") or USUAL_SEED
    return secrets.randbelow(2**32) if wanted == "any" else int(wanted)


@dataclass(frozen=True)
class Action:
    """Something that can happen: ``times`` as likely as others, ``when`` it can; its arguments are drawn."""

    name: str
    times: int
    when: Callable[[Any], bool]
    arguments: dict[str, st.SearchStrategy[Any]]


def action(times: int = 1, when: Callable[[Any], bool] = bool, **arguments: st.SearchStrategy[Any]) -> Callable[[F], F]:
    """Marks a step."""

    def mark(method: F) -> F:
        method.__dict__["action"] = Action(method.__name__, times, when, arguments)
        return method

    return mark


class ServiceWalk(RuleBasedStateMachine):
    """The machine steps in a thread of its own; the service lives in the test's loop."""

    loop: ClassVar[asyncio.AbstractEventLoop]

    def in_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine in the test's loop comes to."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        """One of the actions that are possible now."""
        marked = [getattr(one, "action", None) for _, one in inspect.getmembers(type(self), inspect.isfunction)]
        possible = [one for one in marked if one is not None and one.when(self) for _ in range(one.times)]
        chosen: Action = data.draw(st.sampled_from(possible), label="action")
        method = getattr(self, chosen.name)
        drawn = {name: data.draw(strategy, label=name) for name, strategy in chosen.arguments.items()}
        method(**drawn | ({"data": data} if "data" in inspect.signature(method).parameters else {}))
