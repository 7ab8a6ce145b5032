"""The life of a card by the day; expected values by hand from domain 4 (card life) and G19 90–99."""

from datetime import date, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_svc.cardlife.news import Standing, steps
from card_svc.cardlife.rules import (
    NOTHING,
    UNPAYABLE_TEXTS,
    AccountClass,
    Card,
    Invalid,
    LifeState,
    Limits,
    is_dormant,
    keeps_left,
    last_day_of_loss,
    last_day_to_activate,
    limits,
    payable,
    valid,
)
from card_svc.cardlife.views import label_of
from card_svc.cardlog.rules import LABELS, Step
from partner_sandbox.bank import life as bank
from unioncard.contracts.payees import Unpayable
from unioncard.dates import SHANGHAI

MADE = date(2024, 4, 30)
ACTIVE = Card(MADE, activated_on=date(2024, 5, 10), account_class=AccountClass.ONE)


def card(**changed: object) -> Card:
    """A card made on 30 April 2024, not activated."""
    return Card(MADE, **changed)  # type: ignore[arg-type]  # the tests' own words


@pytest.mark.parametrize(
    ("made", "last_day"),
    [
        # six months of the civil law: the same day, or the month's last (G19 Q93)
        (date(2024, 4, 30), date(2024, 10, 30)),
        (date(2024, 8, 31), date(2025, 2, 28)),
        (date(2023, 8, 31), date(2024, 2, 29)),
        (date(2024, 1, 1), date(2024, 7, 1)),
        (date(2024, 7, 15), date(2025, 1, 15)),
        (date(2016, 10, 1), date(2017, 4, 1)),
        # cards from before 1 October 2016 need no activation within any time
        (date(2016, 9, 30), None),
        (date(2014, 3, 1), None),
    ],
)
def test_last_day_to_activate(made: date, last_day: date | None) -> None:
    assert last_day_to_activate(Card(made)) == last_day


D = date
LOST = D(2024, 6, 1)


@pytest.mark.parametrize(
    ("one", "day", "why"),
    [
        (None, D(2024, 5, 1), Unpayable.NO_CARD),
        # the edge of six months
        (card(), D(2024, 4, 30), None),
        (card(), D(2024, 10, 30), None),
        (card(), D(2024, 10, 31), Unpayable.NOT_ACTIVATED),
        (card(), D(2030, 1, 1), Unpayable.NOT_ACTIVATED),
        # activated in time, or long after: from then on money comes in
        (card(activated_on=D(2024, 10, 30)), D(2024, 10, 31), None),
        (card(activated_on=D(2026, 1, 1)), D(2026, 1, 1), None),
        # class II stays class II for who has another class I account (G19 Q90): its limits keep no payout away
        (card(activated_on=D(2024, 5, 10)), D(2030, 1, 1), None),
        (ACTIVE, D(2030, 1, 1), None),
        # cards from before October 2016, and of the previous system of which the bank never told
        (Card(D(2016, 9, 30)), D(2024, 1, 1), None),
        (Card(D(2018, 5, 30), told=False), D(2024, 1, 1), None),
        (Card(D(2018, 5, 30)), D(2024, 1, 1), Unpayable.NOT_ACTIVATED),
        # by phone: the day of the report is not counted, then seven whole days (G19 Q94)
        (card(activated_on=MADE, state=LifeState.LOST_BY_PHONE, lost_on=LOST), D(2024, 6, 1), Unpayable.LOST),
        (card(activated_on=MADE, state=LifeState.LOST_BY_PHONE, lost_on=LOST), D(2024, 6, 8), Unpayable.LOST),
        (card(activated_on=MADE, state=LifeState.LOST_BY_PHONE, lost_on=LOST), D(2024, 6, 9), None),
        # a lapsed loss of a card that was never activated
        (card(state=LifeState.LOST_BY_PHONE, lost_on=LOST), D(2024, 10, 30), None),
        (card(state=LifeState.LOST_BY_PHONE, lost_on=LOST), D(2024, 10, 31), Unpayable.NOT_ACTIVATED),
        # in writing: until it is found or replaced (G19 Q96)
        (card(activated_on=MADE, state=LifeState.LOST_IN_WRITING, lost_on=LOST), D(2024, 6, 9), Unpayable.LOST),
        (card(activated_on=MADE, state=LifeState.LOST_IN_WRITING, lost_on=LOST), D(2034, 6, 9), Unpayable.LOST),
        # whatever else is the matter with it (G19 Q99)
        (card(activated_on=MADE, state=LifeState.CANCELLED), D(2024, 6, 1), Unpayable.CANCELLED),
        (card(state=LifeState.CANCELLED), D(2024, 12, 1), Unpayable.CANCELLED),
    ],
)
def test_payable(one: Card | None, day: date, why: Unpayable | None) -> None:
    assert payable(one, day) is why


def test_every_reason_has_a_text_and_every_step_a_label() -> None:
    assert set(UNPAYABLE_TEXTS) == set(Unpayable)
    assert set(LABELS) == set(Step)


@pytest.mark.parametrize(
    ("one", "day", "expected"),
    [
        # 10,000 yuan each and 200,000 a year until it is activated, then nothing (G19 Q93)
        (card(), D(2024, 10, 30), Limits(1_000_000, None, 20_000_000)),
        (card(), D(2024, 10, 31), NOTHING),
        # 10,000 a day and 200,000 a year, activated class II (G19 Q91)
        (card(activated_on=MADE), D(2024, 10, 31), Limits(None, 1_000_000, 20_000_000)),
        (Card(D(2018, 5, 30), told=False), D(2024, 1, 1), Limits(None, 1_000_000, 20_000_000)),
        (ACTIVE, D(2024, 10, 31), None),
    ],
)
def test_limits(one: Card, day: date, expected: Limits | None) -> None:
    assert limits(one, day) == expected


@pytest.mark.parametrize(("kept", "left"), [(0, 8), (1, 7), (7, 1), (8, 0), (9, 0)])
def test_the_number_is_kept_eight_times(kept: int, left: int) -> None:
    assert keeps_left(card(numbers_kept=kept)) == left


@pytest.mark.parametrize(
    ("in_union", "one", "day", "why"),
    [
        (True, ACTIVE, D(2024, 6, 1), None),
        (False, ACTIVE, D(2024, 6, 1), Invalid.NOT_A_MEMBER),
        (True, None, D(2024, 6, 1), Invalid.NO_CARD),
        (True, card(state=LifeState.CANCELLED), D(2024, 6, 1), Invalid.NO_CARD),
        # a membership document without an active account
        (True, card(), D(2025, 6, 1), None),
        (True, card(state=LifeState.LOST_BY_PHONE, lost_on=LOST), D(2024, 6, 8), Invalid.LOST),
        (True, card(state=LifeState.LOST_BY_PHONE, lost_on=LOST), D(2024, 6, 9), None),
        (True, card(state=LifeState.LOST_IN_WRITING, lost_on=LOST), D(2025, 6, 9), Invalid.LOST),
    ],
)
def test_valid_today(in_union: bool, one: Card | None, day: date, why: Invalid | None) -> None:
    assert valid(in_union=in_union, card=one, day=day) is why


@pytest.mark.parametrize(
    ("one", "day", "label"),
    [
        (ACTIVE, D(2024, 6, 1), "正常"),
        (card(), D(2024, 10, 30), "未激活"),
        (card(), D(2024, 10, 31), "逾期未激活"),
        (Card(D(2018, 5, 30), told=False), D(2024, 6, 1), "正常"),
        (card(state=LifeState.LOST_BY_PHONE, lost_on=LOST), D(2024, 6, 8), "口头挂失"),
        (card(state=LifeState.LOST_BY_PHONE, lost_on=LOST), D(2024, 6, 9), "口头挂失已过期"),
        (card(state=LifeState.LOST_IN_WRITING, lost_on=LOST), D(2024, 6, 9), "书面挂失"),
        (card(state=LifeState.CANCELLED), D(2024, 6, 9), "已销户"),
    ],
)
def test_how_a_card_is_called(one: Card, day: date, label: str) -> None:
    assert label_of(one, day) == label


def at(**changed: object) -> Standing:
    """An account as it was opened, unless said otherwise."""
    return Standing("1234", **changed)  # type: ignore[arg-type]  # the tests' own words


WRITTEN, PHONE = LifeState.LOST_IN_WRITING, LifeState.LOST_BY_PHONE


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (at(), at(), []),
        (at(), at(activated_on=D(2024, 5, 10), account_class=AccountClass.ONE), [Step.ACTIVATED]),
        (at(), at(activated_on=D(2024, 5, 10)), [Step.ACTIVATED]),
        (at(activated_on=MADE), at(activated_on=MADE, account_class=AccountClass.ONE), [Step.CLASS_CHANGED]),
        (at(), at(state=PHONE, lost_on=LOST), [Step.LOST_BY_PHONE]),
        # once more by phone: seven days anew
        (at(state=PHONE, lost_on=LOST), at(state=PHONE, lost_on=D(2024, 6, 5)), [Step.LOST_BY_PHONE]),
        (at(state=PHONE, lost_on=LOST), at(state=WRITTEN, lost_on=D(2024, 6, 5)), [Step.LOST_IN_WRITING]),
        (at(state=WRITTEN, lost_on=LOST), at(), [Step.FOUND]),
        (at(state=WRITTEN, lost_on=LOST), at(numbers_kept=1), [Step.NUMBER_KEPT]),
        (at(state=WRITTEN, lost_on=LOST), Standing("5678"), [Step.NUMBER_CHANGED]),
        (at(numbers_kept=3), Standing("5678"), [Step.NUMBER_CHANGED]),
        (at(), at(state=LifeState.CANCELLED), [Step.CANCELLED]),
        # what was lost on the way is still told, as far as it can be seen
        (
            at(),
            Standing("5678", LifeState.CANCELLED, AccountClass.ONE, D(2024, 5, 10)),
            [Step.ACTIVATED, Step.NUMBER_CHANGED, Step.CANCELLED],
        ),
    ],
)
def test_what_is_new(before: Standing, after: Standing, expected: list[Step]) -> None:
    assert [step for step, _ in steps(before, after)] == expected


def test_reasons_name_days_and_numbers_as_staff_read_them() -> None:
    after = Standing("5678", PHONE, AccountClass.ONE, D(2024, 5, 10), LOST)
    assert list(steps(at(), after)) == [
        (Step.ACTIVATED, "2024年5月10日激活，账户为一类账户"),
        (Step.NUMBER_CHANGED, "原卡号尾号 1234，新卡号尾号 5678"),
        (Step.LOST_BY_PHONE, "2024年6月1日挂失"),
    ]
    assert list(steps(at(), at(numbers_kept=8))) == [(Step.NUMBER_KEPT, "保留卡号第 8 次，最多 8 次")]


DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))


@given(made=DAYS)
def test_six_months_end_on_the_same_day_or_the_months_last(made: date) -> None:
    last_day = last_day_to_activate(Card(made))
    if made < date(2016, 10, 1):
        assert last_day is None
        return
    assert last_day is not None
    assert (last_day.year * 12 + last_day.month) - (made.year * 12 + made.month) == 6
    assert last_day.day == made.day or (last_day.day < made.day and (last_day + timedelta(days=1)).day == 1)


@given(made=DAYS, day=DAYS, later=st.integers(0, 4000))
def test_once_dormant_always_dormant_until_activated(made: date, day: date, later: int) -> None:
    one = Card(made)
    then = day + timedelta(days=later)
    assert not is_dormant(one, day) or is_dormant(one, then)
    assert payable(Card(made, activated_on=day), then) is None


@given(lost=DAYS, ago=st.integers(0, 30))
def test_seven_days_by_phone(lost: date, ago: int) -> None:
    one = Card(date(2000, 1, 1), LifeState.LOST_BY_PHONE, activated_on=date(2000, 1, 1), lost_on=lost)
    assert last_day_of_loss(one) == lost + timedelta(days=7)
    assert (payable(one, lost + timedelta(days=ago)) is Unpayable.LOST) == (ago <= 7)


WISHES = st.builds(
    bank.Wish,
    st.sampled_from(get_args(bank.Act)),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([None, None, None, "new"]),
)
BY_CODE = {
    None: None,
    "ACCOUNT_CANCELLED": Unpayable.CANCELLED,
    "NOT_ACTIVATED": Unpayable.NOT_ACTIVATED,
    "CARD_LOST": Unpayable.LOST,
}


@given(
    made=st.dates(date(2016, 9, 25), date(2018, 1, 1)),
    acts=st.lists(st.tuples(WISHES, st.integers(0, 200 * 24)), max_size=15),
    later=st.integers(0, 400),
)
def test_what_is_payable_here_arrives_at_the_bank(made: date, acts: list[tuple[bank.Wish, int]], later: int) -> None:
    """Over any life of an account, and any day after: the same answer, for the same reason, at its current number."""
    account, moment = bank.Account(("n0",), made), datetime(made.year, made.month, made.day, tzinfo=SHANGHAI)
    for turn, (wish, hours) in enumerate(acts):
        moment += timedelta(hours=hours)
        number = f"n{turn + 1}" if wish.new_number else None
        try:
            account = bank.after(account, bank.Wish(wish.act, wish.account_class, number), moment)
        except bank.NotPossible:
            continue
        assert account.numbers_kept <= 8
    day = moment.date() + timedelta(days=later)
    ours = Card(
        made,
        LifeState(account.state),
        AccountClass(account.account_class),
        account.activated_on,
        account.lost_at.date() if account.lost_at else None,
        account.numbers_kept,
    )
    assert payable(ours, day) == BY_CODE[bank.returned(account, account.numbers[-1], day)]
    for old in account.numbers[:-1]:
        assert bank.returned(account, old, day) in ("NUMBER_CHANGED", "ACCOUNT_CANCELLED")
