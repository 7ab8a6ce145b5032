"""Members with cover and cards for the claims, written straight into the services' tables; and who acts for them.

How they get there by events is what the bench ``legacy`` measures, and how cover is made what ``campaign`` does.
"""

from collections.abc import Iterator
from datetime import date

import psycopg

from bench import city
from bench.city import FIRST_MEMBER, Size
from bench.ground import database_url
from card_svc.personal import PersonalData as CardData
from claims_svc.payouts import gathering
from claims_svc.personal import PersonalData as ClaimsData
from unioncard.clock import FileClock
from unioncard.contracts.claims import PayoutBatchOpened
from unioncard.database import engine_for
from unioncard.keys import load_keys
from unioncard.messaging.envelope import Envelope
from unioncard.unit_of_work import UnitOfWork
from unioncard_cli.stack import Stack

_COVER = """
    INSERT INTO batches (number, district_id, district_code, scheme, coverage_year, state, lists, heads, fee_fen,
        subsidy_fen, district_fen, union_fen, credit_fen, due_fen, received_fen, operator_name, operator_phone,
        operator_email, submitted_at, submitted_by, changed_at, due_on, written_off_at)
    SELECT 'CB20191228' || lpad(CAST(id AS text), 4, '0'), id, district_code, 'centralized', 2020, 'written_off', 1, 1,
        0, 0, 0, 0, 0, 0, 0, '', '', '', now(), 1, now(), '2020-01-20', now()
    FROM organisations WHERE level = 'district';
    INSERT INTO enrolments (union_id, district_id, scheme, way, coverage_year, class_code, central, state,
        batch_number, heads, fee_fen, subsidy_fen, district_fen, union_fen, submitted_at, submitted_by, changed_at)
    SELECT id, parent_id, 'centralized', 'centralized', 2020, 'A', false, 'in_batch',
        'CB20191228' || lpad(CAST(parent_id AS text), 4, '0'), 1, 0, 0, 0, 0, now(), 1, now()
    FROM organisations WHERE level = 'union';
    INSERT INTO policies (member_id, enrolment_id, term, first_day, last_day, first_half, second_half)
    SELECT m.id, e.id, 'full', '2020-01-01', '2020-12-31', 2020, 2020
    FROM members m JOIN enrolments e ON e.union_id = m.union_id;
"""

#: Claims that wait for their payout, one a member, as the centre has left them.
_TO_PAY = """
    INSERT INTO claims (number, member_id, union_id, district_id, district_code, filed_by_role, filed_by, benefit,
        event, event_day, last_day, first_diagnosis, in_patient, payee, state, policy_id, coverage_year, class_code,
        cover_state, claimed_fen, approved_fen, filed_at, changed_at, decided_by, decided_at)
    SELECT 'GF' || d.district_code || '20200301' || lpad(CAST(u.member_id - %(base)s AS text), 6, '0'), u.member_id,
        u.union_id, d.id, d.district_code, 'union', 1, 'accident', 'disability', '2020-02-20', '2020-02-20', true, true,
        'own_card', 'to_pay', u.member_id, 2020, 'A', 'definite', 3000000, 3000000, now(), now(), 'account:1', now()
    FROM member_unions u JOIN organisations o ON o.id = u.union_id JOIN organisations d ON d.id = o.parent_id
    WHERE u.member_id >= %(first)s AND u.member_id < %(first)s + %(count)s;
"""
_PARTS = """
    INSERT INTO claim_parts (claim_number, policy_id, coverage_year, class_code, district_id, nights, days,
        covered_from, claimed_fen, payable_fen, approved_fen)
    SELECT number, policy_id, 2020, 'A', district_id, 0, 0, '2020-01-01', 3000000, 3000000, 3000000
    FROM claims WHERE state = 'to_pay'
"""


def build(stack: Stack, size: Size) -> None:
    """Everybody in the three services that a claim concerns. Blocking."""
    city.build(stack, size)
    with psycopg.connect(database_url(stack, "insurance"), autocommit=True) as conn:
        conn.execute(_COVER)
        conn.execute("VACUUM ANALYZE")
    claims = ClaimsData(load_keys(stack.place.state / "keys" / "claims-svc.json"))
    with psycopg.connect(database_url(stack, "claims"), autocommit=True) as conn:
        city.copy_organisations(conn, size)
        city.copy_members(conn, size, claims)
        conn.execute("INSERT INTO member_unions SELECT id, union_id, 1 FROM members")
        conn.execute("VACUUM ANALYZE")
    cards = CardData(load_keys(stack.place.state / "keys" / "card-svc.json"))
    with psycopg.connect(database_url(stack, "card"), autocommit=True) as conn:
        into = "cards (member_id, state, version, card_number, number_end, card_hash, issued_at)"
        city.copy(conn, into, _cards(size, cards))
        conn.execute("VACUUM ANALYZE")


def _cards(size: Size, cards: CardData) -> Iterator[str]:
    members = range(FIRST_MEMBER, FIRST_MEMBER + size.all_members)
    for start in range(0, len(members), 1000):
        numbers = {member: card_number(member) for member in members[start : start + 1000]}
        yield "".join(
            f"{member}\tissued\t1\t{cards.encrypt('card_number', member, number)}\t{number[-4:]}\t"
            f"{cards.card_hash(number)}\t2019-10-01 10:00+08\n"
            for member, number in numbers.items()
        )


def card_number(member: int) -> str:
    """The card of a member."""
    return f"622700{member:013d}"


def approve(stack: Stack, first: int, count: int) -> None:
    """So many members from this one on have a claim that is to be paid. Blocking."""
    with psycopg.connect(database_url(stack, "claims"), autocommit=True) as conn:
        conn.execute(_TO_PAY, {"first": first, "count": count, "base": FIRST_MEMBER})
        conn.execute(_PARTS)


async def gather(stack: Stack, day: date) -> None:
    """Put what :func:`approve` made into payout batches, as the service does; only the batches' workflows are told.

    Claims written by hand have none that waits: told of their payout, all of them would start at this moment.
    """
    engine = engine_for(database_url(stack, "claims"))
    work = UnitOfWork(engine, FileClock(stack.place.state / "clock.json"), "claims-svc")
    async with work.begin("bench") as tx:
        await gathering.gather(tx, day)
        tx.outbox = [one for one in tx.outbox if Envelope.decode(one.body).type == PayoutBatchOpened.TYPE]
    await engine.dispose()
