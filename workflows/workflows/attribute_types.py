"""The search attributes' names and types. Apart from :mod:`workflows.search_attributes`, and without temporalio, for
who starts a server and talks to none: importing temporalio takes most of a second."""

#: Name → type, as ``temporal operator search-attribute create`` spells the types.
SEARCH_ATTRIBUTES: dict[str, str] = {
    "UnioncardDistrict": "Keyword",
    "UnioncardUnion": "Keyword",
    "UnioncardBatch": "Keyword",
    "UnioncardPhase": "Keyword",
    "UnioncardYear": "Int",
    "UnioncardNextDeadline": "Datetime",
    "UnioncardOverdue": "Bool",
    "UnioncardLate": "Bool",
    "UnioncardUnpaid": "Bool",
}
