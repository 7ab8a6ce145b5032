"""A workflow that asks one thing after another."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from bench.echo.contracts import TEXT, Echo, Echoed
    from workflows.commands import ask

FULL_QUEUE = "bench-full"
BARE_QUEUE = "bench-bare"
BARE_ACTIVITY = "bench.bare"


@dataclass
class Plan:
    """So many round trips in a row, by the platform's commands or by a bare activity."""

    rounds: int
    bare: bool


@workflow.defn
class Rounds:
    """Returns how long each round trip took, in seconds of the server's clock."""

    @workflow.run
    async def run(self, plan: Plan) -> list[float]:
        """Asks, waits for the answer, asks again."""
        seconds = []
        for number in range(plan.rounds):
            begun = workflow.time()
            if plan.bare:
                await workflow.execute_activity(
                    BARE_ACTIVITY, [number, TEXT], start_to_close_timeout=timedelta(minutes=5)
                )
            else:
                key = f"{workflow.info().workflow_id}/{number}"
                await ask(Echo(number=number, text=TEXT), key=key, result=Echoed, summary="回声")
            seconds.append(workflow.time() - begun)
        return seconds
