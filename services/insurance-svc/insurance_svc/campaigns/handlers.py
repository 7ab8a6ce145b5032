"""What workflows ask about campaigns: which are due, opening, standing, notices, closing."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from insurance_svc.campaigns import rules, store
from insurance_svc.campaigns.rules import LAPSED, Subject
from insurance_svc.enrolments.release import release_lists
from insurance_svc.seasons import store as seasons
from insurance_svc.seasons.rules import times
from insurance_svc.splits import store as splits
from insurance_svc.splits.rules import missing
from unioncard.contracts.insurance import (
    CampaignDistrict,
    CampaignKey,
    CloseCampaign,
    CloseDistrict,
    DistrictClosed,
    DueCampaigns,
    ListDueCampaigns,
    Notified,
    NotifyDistrict,
    OpenCampaign,
    OpenedCampaign,
    Phase,
    Scheme,
    ShowDistrict,
)
from unioncard.contracts.model import Command, Contract
from unioncard.districts import districts
from unioncard.messaging.handling import CommandHandler, Message, Outcome, Refused, Succeeded
from unioncard.notices import NewNotice, tell
from unioncard.unit_of_work import Transaction

C = TypeVar("C", bound=Command)

UNKNOWN = Refused("unknown-campaign", "日历中没有这个集中参保")


def each(handle: Callable[[Transaction, C], Awaitable[Outcome]]) -> CommandHandler:
    """A handler of commands that are about a campaign or a district each; a district's members are one set."""

    async def handler(tx: Transaction, messages: Sequence[Message[C]]) -> Sequence[Outcome]:
        return [await handle(tx, message.data) for message in messages]

    return handler


async def list_due(tx: Transaction, _: ListDueCampaigns) -> Outcome:
    """Open campaigns, and planned ones whose days have come by the service's own clock."""
    due = [
        CampaignKey(scheme=Scheme(row.scheme), coverage_year=row.coverage_year)
        for row in await store.unclosed(tx.conn)
        if row.state == "open" or rules.is_due(await seasons.phases(tx.conn, row.scheme, row.coverage_year), tx.now)
    ]
    return Succeeded(DueCampaigns(campaigns=due))


async def open_campaign(tx: Transaction, command: OpenCampaign) -> Outcome:
    """Open it unless it is; the calendar and the districts."""
    scheme, year = command.scheme.value, command.coverage_year
    # The calendar that is answered is followed by every later change of it.
    await seasons.hold(tx.conn, year)
    row = await store.find(tx.conn, scheme, year, lock=True)
    if row is None:
        return UNKNOWN
    calendars = await seasons.calendars(tx.conn, scheme, year)
    phases = calendars.get(0, {})
    if row.state == "closed":
        return Refused("campaign-closed", "该集中参保已结束")
    if row.state == "planned":
        if not rules.is_due(phases, tx.now):
            return Refused("campaign-not-due", "该集中参保尚未开始，或其各阶段均已结束")
        await store.set_state(tx, scheme, year, "open")
        tx.audit("campaign.opened", f"campaign:{scheme}/{year}", before={"state": "planned"}, after={"state": "open"})
    return Succeeded(
        OpenedCampaign(
            phases=times(phases),
            version=await seasons.calendar_version(tx.conn, scheme, year),
            districts=[
                CampaignDistrict(
                    district_id=one.id,
                    district_code=one.code,
                    name=one.name,
                    phases=times(phases | calendars[one.id]) if one.id in calendars else [],
                )
                for one in await districts(tx.conn)
            ],
        )
    )


async def _subject(tx: Transaction, scheme: str, year: int, district_id: int) -> Subject:
    set_splits = await splits.standing(tx.conn, district_id, year)
    rates = await seasons.rates(tx.conn, year)
    not_set = missing(set_splits, rates, await seasons.is_central(tx.conn, district_id, year))
    return Subject(
        district_id=district_id,
        scheme=scheme,
        year=year,
        phases=await seasons.phases(tx.conn, scheme, year, district_id),
        standing=await store.standing(tx.conn, scheme, year, district_id, split_set=not not_set),
        splits_missing=not_set,
        unions=await store.union_standings(tx.conn, scheme, year, district_id),
    )


async def show_district(tx: Transaction, command: ShowDistrict) -> Outcome:
    """How a district stands."""
    subject = await _subject(tx, command.scheme.value, command.coverage_year, command.district_id)
    return Succeeded(subject.standing)


async def notify_district(tx: Transaction, command: NotifyDistrict) -> Outcome:
    """Tell a district and its unions, each occasion once."""
    subject = await _subject(tx, command.scheme.value, command.coverage_year, command.district_id)
    about = f"campaign:{subject.scheme}/{subject.year}"
    told = [
        NewNotice(organisation, command.kind.value, about, title, text, command.occurrence)
        for organisation, title, text in rules.notices(command.kind, subject)
    ]
    return Succeeded(Notified(recipients=await tell(tx, told)))


async def close_district(tx: Transaction, command: CloseDistrict) -> Outcome:
    """Void what the district did not submit, once its phase is over by the service's own clock and calendar."""
    scheme, year = command.scheme.value, command.coverage_year
    await seasons.hold(tx.conn, year)
    days = (await seasons.phases(tx.conn, scheme, year, command.district_id)).get(Phase.DISTRICT_SUBMISSION)
    if days is None:
        return UNKNOWN
    if not days.over(tx.now):
        return Refused("district-open", f"区局提交时间为{days.in_words()}，尚未截止")
    lapsed = await store.not_submitted(tx.conn, scheme, year, command.district_id)
    await release_lists(tx, [row.id for row in lapsed], "voided", LAPSED)
    heads = sum(row.heads for row in lapsed)
    tx.audit(
        "district.closed",
        f"campaign:{scheme}/{year}",
        organisation_id=command.district_id,
        after={"lists_voided": len(lapsed), "heads_voided": heads, "last_day": days.last_day},
    )
    return Succeeded(DistrictClosed(lists_voided=len(lapsed), heads_voided=heads))


async def close_campaign(tx: Transaction, command: CloseCampaign) -> Outcome:
    """Close it once no batch is open; what it came to."""
    scheme, year = command.scheme.value, command.coverage_year
    await seasons.hold_alone(tx.conn, year)
    row = await store.find(tx.conn, scheme, year, lock=True)
    if row is None:
        return UNKNOWN
    if row.state != "closed":
        still_open = await store.open_batches(tx.conn, scheme, year)
        if still_open:
            return Refused("batches-open", f"还有 {still_open} 个批次未核销也未作废")
        # What the centre returned after the district's last day has nowhere to go.
        left = await store.not_submitted(tx.conn, scheme, year, None)
        await release_lists(tx, [one.id for one in left], "voided", LAPSED)
        await store.set_state(tx, scheme, year, "closed")
        tx.audit("campaign.closed", f"campaign:{scheme}/{year}", before={"state": row.state}, after={"state": "closed"})
    return Succeeded(await store.totals(tx.conn, scheme, year))


HANDLERS: dict[type[Contract], CommandHandler] = {
    ListDueCampaigns: each(list_due),
    OpenCampaign: each(open_campaign),
    ShowDistrict: each(show_district),
    NotifyDistrict: each(notify_district),
    CloseDistrict: each(close_district),
    CloseCampaign: each(close_campaign),
}
