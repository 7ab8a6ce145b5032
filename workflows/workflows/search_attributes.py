"""The search attributes of our workflows: what the Temporal UI can filter its lists by. No personal data ever."""

from datetime import datetime

from temporalio.common import SearchAttributeKey

from workflows.attribute_types import SEARCH_ATTRIBUTES

__all__ = [
    "BATCH",
    "DISTRICT",
    "LATE",
    "NEXT_DEADLINE",
    "OVERDUE",
    "PHASE",
    "SEARCH_ATTRIBUTES",
    "UNION",
    "UNPAID",
    "YEAR",
]

DISTRICT: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("UnioncardDistrict")
"""区局编号, three digits."""
UNION: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("UnioncardUnion")
"""The union's id."""
BATCH: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("UnioncardBatch")
"""批次号; of a claim its number."""
PHASE: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("UnioncardPhase")
"""What is being waited for, in Chinese."""
YEAR: SearchAttributeKey[int] = SearchAttributeKey.for_int("UnioncardYear")
"""Coverage year of a campaign."""
NEXT_DEADLINE: SearchAttributeKey[datetime] = SearchAttributeKey.for_datetime("UnioncardNextDeadline")
"""The first instant too late, in business time."""
OVERDUE: SearchAttributeKey[bool] = SearchAttributeKey.for_bool("UnioncardOverdue")
"""The bank has not called within its 15 days; of a premium, the last day of payment is over; of a claim or a payout
batch, whoever it waits for is late."""
LATE: SearchAttributeKey[bool] = SearchAttributeKey.for_bool("UnioncardLate")
"""Card numbers are still missing after three days."""
UNPAID: SearchAttributeKey[bool] = SearchAttributeKey.for_bool("UnioncardUnpaid")
"""The centre has passed the batch and the bank's statements do not cover yet what is due."""
