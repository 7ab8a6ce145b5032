"""One sandbox process for all tests of this folder, with a receiver of its callbacks; every test finds them empty."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from partner_sandbox.trial import Receiver, Trial, eventually


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Trial, Receiver]]:
    """A sandbox that answers batches at once and tries again quickly, and who it calls back."""
    receiver = Receiver()
    folder: Path = tmp_path_factory.mktemp("sandbox")
    behaviour = {"bank": {"answer_delay_ms": 0}, "callback": {"backoff_ms": 20, "backoff_max_ms": 100}}
    trial = Trial(folder, receiver.url, behaviour)
    trial.start()
    yield trial, receiver
    trial.close()
    receiver.close()


@pytest.fixture
def sandbox(running: tuple[Trial, Receiver]) -> Iterator[Trial]:
    """The sandbox, emptied; what a test leaves to be delivered is delivered before the next begins."""
    trial, receiver = running
    yield trial
    receiver.status = 200
    # A failed test may have left it dead.
    trial.start()

    def quiet() -> bool:
        counts = trial.summary()
        pending = counts["answers_pending"] + counts["payouts"]["answers_pending"]
        return not pending and not counts["callbacks_pending"]

    eventually(quiet, "the sandbox to come to rest")
    trial.client.post("/control/reset").raise_for_status()
    receiver.callbacks.clear()


@pytest.fixture
def receiver(running: tuple[Trial, Receiver]) -> Receiver:
    """Stands in for card-svc."""
    return running[1]
