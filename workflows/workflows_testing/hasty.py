"""A card batch changed without a patch marker, for the test that replay catches it."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.card_batch import CardBatch
    from workflows.card_batch_progress import CardBatchEnd, CardBatchStart


@workflow.defn(name="CardBatch")
class Hasty(CardBatch):
    """Waits an hour before the batch is submitted: what no running batch did."""

    @workflow.init
    def __init__(self, start: CardBatchStart) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: CardBatchStart) -> CardBatchEnd:
        await workflow.sleep(3600)
        return await super().run(start)
