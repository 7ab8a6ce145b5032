"""What is told about campaigns."""

from insurance_svc.campaigns import store
from insurance_svc.seasons import store as seasons
from insurance_svc.seasons.rules import times
from unioncard.contracts.insurance import CampaignChanged, Scheme
from unioncard.unit_of_work import Transaction


async def tell_calendar(tx: Transaction, scheme: str, year: int, district_id: int) -> None:
    """Tell a campaign's calendar as it is now, for one district or (0) for all.

    Where it changed for all, districts with rows of their own are told theirs after it, at the same version: what they
    have of their own stands, the rest follows. Nothing is told of a calendar that no campaign runs by.
    """
    if await store.find(tx.conn, scheme, year) is None:
        return
    version = await seasons.calendar_version(tx.conn, scheme, year)
    calendars = await seasons.calendars(tx.conn, scheme, year)
    told = [district_id] if district_id else sorted(calendars)
    for one in told:
        changed = CampaignChanged(
            scheme=Scheme(scheme),
            coverage_year=year,
            district_id=one or None,
            phases=times(calendars.get(0, {}) | calendars.get(one, {})),
            version=version,
        )
        tx.publish(changed, key=f"campaign/{scheme}/{year}", subject=f"campaign/{scheme}/{year}")
