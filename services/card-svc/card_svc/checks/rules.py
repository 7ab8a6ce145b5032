"""How the offices' answers are judged (domain 4.3)."""

from enum import StrEnum

CHUNK = 200


class Outcome(StrEnum):
    """What became of a member of a check. ``gone`` left the to-do list, or is being checked anew, meanwhile."""

    PASSED = "passed"
    NOT_PASSED = "not_passed"
    GONE = "gone"


# What the offices say, in their own words.
RETIRED = "retired"
DECEASED = "deceased"
UNEMPLOYMENT_BENEFIT = "unemployment_benefit"


def reason_against(population: str, social_security: str) -> str | None:
    """Why a member does not pass, in Chinese, None if it passes.

    Retired, by either office, or drawing unemployment benefit → not passed [G19 32, H19]. Decision: deceased does not
    pass either, since nobody could collect the card. Everything else passes, also what an office does not know.
    """
    if population == DECEASED:
        return "市人口办登记为已死亡"
    if population == RETIRED:
        return "市人口办登记为已退休"
    if social_security == RETIRED:
        return "人保库登记为已退休"
    if social_security == UNEMPLOYMENT_BENEFIT:
        return "正在领取失业保险金"
    return None


def chunks_of(total: int) -> int:
    """How many commands a check of so many members takes."""
    return -(-total // CHUNK)
