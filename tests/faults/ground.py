"""Where runs take place: a stack of their own, with a district for each run."""

import shutil
import tempfile
from pathlib import Path

from tests.faults.plan import ENVIRONMENT, UNIONS
from unioncard.settings import read_settings
from unioncard_cli import scenery
from unioncard_cli.operators import Operator
from unioncard_cli.scenery import District, Scenery, password
from unioncard_cli.stack import Stack, free_port_base
from workflows.settings import WorkflowsSettings

FIRST_DISTRICT = 101


class Ground:
    """A stack in a folder of its own; goes down with the process that made it."""

    def __init__(self, runs: int, unions: int = UNIONS) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="faults-"))
        self.stack = Stack(self.folder, free_port_base(), env=ENVIRONMENT, tied=True)
        self.unions = unions
        self.spoilt = False
        self.districts = [District(f"{FIRST_DISTRICT + i}", f"示例{i + 1}区总工会", unions) for i in range(runs)]
        self._used = 0
        self._scene = Scenery(self.stack, self.districts)

    def prepare(self) -> None:
        """Bring it up, with every organisation and account."""
        self.stack.up()
        self._scene = scenery.load(self.stack, self.districts)

    def next_district(self) -> tuple[int, District]:
        """A district in which nobody has done anything yet, and its place."""
        place = self._used
        self._used += 1
        return place, self.districts[place]

    @property
    def full(self) -> bool:
        """No district is left."""
        return self._used == len(self.districts)

    def account(self, login: str) -> tuple[str, str, str, str]:
        """What an operator with this login needs."""
        place = self.stack.place
        return place.url("member-svc"), place.url("card-svc"), login, password(self.stack)

    def federation(self) -> Operator:
        """The one who audits."""
        return self._scene.federation()

    @property
    def sandbox(self) -> str:
        """Where the partners are."""
        return self.stack.place.url("sandbox")

    def settings(self) -> WorkflowsSettings:
        """How Kafka and Temporal are reached."""
        environment = self.stack.environment()
        return read_settings(
            WorkflowsSettings,
            kafka=environment["UNIONCARD_KAFKA"],
            temporal=environment["UNIONCARD_TEMPORAL"],
            temporal_namespace=environment["UNIONCARD_TEMPORAL_NAMESPACE"],
        )

    def close(self, *, keep: bool) -> None:
        """Bring the stack down; its folder stays if somebody must look at it."""
        self.stack.down()
        if not keep:
            shutil.rmtree(self.folder)
