"""The business day that something a schedule starts is for."""

from datetime import date, timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from workflows.business_day import BusinessDay

_SCHEDULED_START = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
"""Set by Temporal on what a schedule starts."""


async def scheduled_day() -> date:
    """The day of the scheduled moment, not of now: what is caught up in the morning is for the night before."""
    scheduled = workflow.info().typed_search_attributes.get(_SCHEDULED_START) or workflow.info().start_time
    return await workflow.execute_activity_method(
        BusinessDay.of, scheduled, start_to_close_timeout=timedelta(seconds=10), summary="业务日期"
    )
