"""Every stored history still replays: what runs in production survives this release."""

from importlib.metadata import version
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from workflows.worker import WORKFLOWS
from workflows_testing.hasty import Hasty
from workflows_testing.record_histories import HISTORIES, history_of, names

STORED = sorted(HISTORIES.glob("*/*.json"))


def replayer(*workflows: type) -> Replayer:
    # With a build id of its own, since Temporal would hash all loaded code to find one.
    return Replayer(workflows=workflows, data_converter=pydantic_data_converter, build_id="replay")


def stored(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_a_stored_history_replays(path: Path) -> None:
    await replayer(*WORKFLOWS).replay_workflow(stored(path))


def test_this_release_has_its_histories() -> None:
    here = {path.stem for path in STORED if path.parent.name == version("unioncard-workflows")}
    assert here == set(names())


async def test_a_fresh_history_replays() -> None:
    """What the code does now it can also do again, before it is stored for a release."""
    for name in names():
        history = WorkflowHistory.from_json(name, await history_of(name))
        await replayer(*WORKFLOWS).replay_workflow(history)


@pytest.mark.parametrize("name", ["straight", "late_and_overdue"])
async def test_a_changed_story_is_caught(name: str) -> None:
    path = next(path for path in STORED if path.stem == name)
    with pytest.raises(NondeterminismError):
        await replayer(Hasty).replay_workflow(stored(path))
