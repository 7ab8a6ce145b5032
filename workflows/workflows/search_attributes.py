"""The search attributes of our workflows: what the Temporal UI can filter its lists by. No personal data ever."""

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
}
