"""Valid-looking rosters of people who do not exist, for the demo, the fault runs and the benches.

Numbers pass GB 11643, mobiles have the right shape, names are common. Some rows are what real rosters hold: retired,
drawing unemployment benefit, rare characters, foreign documents, 15-digit numbers, wrong check digits.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from io import BytesIO

import xlsxwriter

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉兰红梅建国志文斌宇浩凯健俊帆雪琳慧"
# Characters that GBK cannot hold; the bank's answer sends these members to the special channel.
_RARE = "䶮㛃㭎"
_REGIONS = ("310101", "310104", "310105", "310106", "310107", "310109", "310110", "310112", "310113", "310115")
_STREETS = ("示例路", "样本街", "虚构大道", "演示弄", "测试里")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"

HEADERS = (
    "姓名",
    "证件类型",
    "证件号码",
    "性别",
    "出生日期",
    "联系地址",
    "移动电话",
    "学历",
    "户籍类型",
    "技术等级",
    "工会职务",
    "证件到期日",
    "国籍",
)


class Trait(StrEnum):
    """What is special about a row."""

    ORDINARY = "ordinary"
    RETIRED = "retired"
    UNEMPLOYED = "unemployed"
    RARE = "rare"
    FOREIGN = "foreign"
    FIFTEEN = "fifteen"
    WRONG_CHECK = "wrong_check"


@dataclass(frozen=True, slots=True)
class Person:
    """One row of a roster, in the order of :data:`HEADERS`, with what is special about it."""

    name: str
    document_type: str
    document_number: str
    sex: str
    birth_date: date
    address: str
    mobile: str
    document_expiry: str
    nationality: str
    trait: Trait

    def cells(self) -> tuple[str, ...]:
        """The row as text, as careful operators type it."""
        return (
            self.name,
            self.document_type,
            self.document_number,
            self.sex,
            self.birth_date.isoformat(),
            self.address,
            self.mobile,
            "本科",
            "非农业",
            "无",
            "工会会员",
            self.document_expiry,
            self.nationality,
        )


def check_character(first17: str) -> str:
    """The GB 11643 check character of 17 digits."""
    return _CHECKS[sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True)) % 11]


def make_roster(seed: int, traits: Sequence[Trait]) -> list[Person]:
    """One person for each trait, in that order. The same seed gives the same people, other seeds other numbers."""
    rng = random.Random(seed)
    # The seed is part of the birth day's and sequence's start, so that rosters of several unions do not collide.
    return [_person(rng, seed, index, trait) for index, trait in enumerate(traits)]


def mixed_traits(count: int, *, each: int) -> list[Trait]:
    """``each`` rows of every special trait but wrong check digits, spread evenly; the rest ordinary."""
    special = [Trait.RETIRED, Trait.UNEMPLOYED, Trait.RARE, Trait.FOREIGN, Trait.FIFTEEN] * each
    traits = [Trait.ORDINARY] * count
    step = count // max(1, len(special))
    for position, trait in enumerate(special):
        traits[position * step] = trait
    return traits


def mended(person: Person) -> Person:
    """The row after the operator looked at the document again: the check character is right."""
    number = person.document_number
    return replace(person, document_number=number[:17] + check_character(number[:17]), trait=Trait.ORDINARY)


def _person(rng: random.Random, seed: int, index: int, trait: Trait) -> Person:
    serial = seed * 100_003 + index
    born = date(1968, 1, 1) + timedelta(days=serial % 13_000)
    sequence = (serial // 13_000) % 999 + 1
    region = _REGIONS[(serial // (13_000 * 999)) % len(_REGIONS)]
    name = rng.choice(_SURNAMES) + "".join(rng.choices(_GIVEN, k=rng.choice((1, 2, 2))))
    if trait is Trait.RARE:
        name = name[0] + rng.choice(_RARE)
    seventeen = f"{region}{born:%Y%m%d}{sequence:03d}"
    number = seventeen + check_character(seventeen)
    document_type, nationality, expiry = "居民身份证", "中国", rng.choice(("2041-06-30", "2036-12-31", "长期"))
    if trait is Trait.FIFTEEN:
        number = f"{region}{born:%y%m%d}{sequence:03d}"
        if born.year >= 2000:
            born = born.replace(year=born.year - 20, day=min(born.day, 28))
            number = f"{region}{born:%y%m%d}{sequence:03d}"
    if trait is Trait.FOREIGN:
        document_type, number, nationality, expiry = "护照", f"E{serial % 100_000_000:08d}", "新加坡", "2033-05-31"
    if trait is Trait.WRONG_CHECK:
        number = seventeen + _CHECKS[(_CHECKS.index(number[-1]) + 1) % 10 or 10]
    return Person(
        name=name,
        document_type=document_type,
        document_number=number,
        sex="男" if sequence % 2 else "女",
        birth_date=born,
        address=f"上海市{rng.choice(_STREETS)}{rng.randint(1, 999)}号{rng.randint(1, 30)}室",
        mobile=f"139{serial % 100_000_000:08d}",
        document_expiry=expiry,
        nationality=nationality,
        trait=trait,
    )


def workbook(people: Sequence[Person]) -> bytes:
    """The roster as a real .xlsx file."""
    return sheet_of(HEADERS, *(person.cells() for person in people))


def sheet_of(*lines: Sequence[str]) -> bytes:
    """An .xlsx file of these lines, headers first, every cell text."""
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet("会员信息")
    text = book.add_format({"num_format": "@"})
    for line, cells in enumerate(lines):
        for column, value in enumerate(cells):
            sheet.write_string(line, column, value, text)
    book.close()
    return buffer.getvalue()
