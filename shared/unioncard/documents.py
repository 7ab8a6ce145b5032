"""Identity documents (证件): their types as sheets name them, their numbers, and unified social credit codes.

Resident identity numbers are checked here by GB 11643 and not by python-stdnum, whose table of regions refuses
plausible people. Errors are Chinese, for staff, and never repeat the number.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from stdnum.cn import uscc
from stdnum.exceptions import ValidationError

from unioncard.text import InvalidValue, half_width, without_spaces


class DocumentError(InvalidValue):
    """A document type, document number or credit code that cannot be taken."""


class DocumentType(StrEnum):
    """证件类型. Every type but the resident identity card leads to the special channel (domain 4.2)."""

    RESIDENT_IDENTITY_CARD = "resident_identity_card"
    PASSPORT = "passport"
    HK_MACAO_PERMIT = "hk_macao_permit"
    TAIWAN_PERMIT = "taiwan_permit"
    FOREIGN_PERMANENT_RESIDENT = "foreign_permanent_resident"
    HK_MACAO_TAIWAN_RESIDENCE = "hk_macao_taiwan_residence"
    OTHER = "other"

    @property
    def label(self) -> str:
        """The Chinese name as sheets and screens show it."""
        return _NAMES[self][0]


class Sex(StrEnum):
    """性别."""

    MALE = "male"
    FEMALE = "female"

    @property
    def label(self) -> str:
        """男 or 女."""
        return "男" if self is Sex.MALE else "女"


@dataclass(frozen=True, slots=True)
class DocumentNumber:
    """A checked number in the one form it is stored and hashed in.

    ``birth_date`` and ``sex`` are known where the number contains them; ``converted`` tells that 15 digits became 18.
    """

    type: DocumentType
    number: str
    birth_date: date | None = None
    sex: Sex | None = None
    converted: bool = False

    @property
    def masked(self) -> str:
        """As lists show it: ``3411****6755``."""
        return mask_document(self.number)


# The first name is the official one; the others are what sheets in use say.
_NAMES: dict[DocumentType, tuple[str, ...]] = {
    DocumentType.RESIDENT_IDENTITY_CARD: ("居民身份证", "身份证", "二代身份证", "第二代居民身份证"),
    DocumentType.PASSPORT: ("护照", "外国护照", "中国护照"),
    DocumentType.HK_MACAO_PERMIT: (
        "港澳居民来往内地通行证",
        "港澳居民往来内地通行证",
        "港澳来往内地通行证",
        "港澳通行证",
        "回乡证",
    ),
    DocumentType.TAIWAN_PERMIT: (
        "台湾居民来往大陆通行证",
        "台湾居民往来大陆通行证",
        "台湾来往大陆通行证",
        "台胞证",
    ),
    DocumentType.FOREIGN_PERMANENT_RESIDENT: (
        "外国人永久居留身份证",
        "外国人永久居留证",
        "外国人居留证",
    ),
    DocumentType.HK_MACAO_TAIWAN_RESIDENCE: (
        "港澳台居民居住证",
        "港澳居民居住证",
        "台湾居民居住证",
    ),
    DocumentType.OTHER: ("其他", "其它", "其他证件", "其它证件"),
}
_TYPE_OF = {name: kind for kind, names in _NAMES.items() for name in names}

_TEXT_COLUMN = "请将“证件号码”列设置为文本格式后重新填写完整号码，再导入"
# 3.10101198001011E+17: what Excel makes of 18 digits in a numeric cell. Its last digits are lost, never to be guessed.
_SCIENTIFIC = re.compile(r"\d(\.\d+)?E\+\d+|\d\.\d+E\d+", re.IGNORECASE | re.ASCII)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = "10X98765432"
_EARLIEST_BIRTH = date(1900, 1, 1)

# Numbers without a check digit: what they look like, and how staff are told so.
_FORMATS: dict[DocumentType, tuple[re.Pattern[str], str]] = {
    DocumentType.PASSPORT: (re.compile(r"[A-Z0-9]{5,15}"), "护照号码由 5 至 15 位字母和数字组成"),
    DocumentType.HK_MACAO_PERMIT: (
        re.compile(r"[HM][0-9]{8}([0-9]{2})?"),
        "通行证号码以字母 H 或 M 开头，后接 8 位或 10 位数字",
    ),
    DocumentType.TAIWAN_PERMIT: (re.compile(r"[0-9]{8}([0-9]{2})?"), "通行证号码为 8 位或 10 位数字"),
    DocumentType.OTHER: (re.compile(r"[A-Z0-9()/-]{4,30}"), "证件号码由 4 至 30 位字母、数字或 - ( ) / 组成"),
}
_OLD_PERMANENT_RESIDENT = re.compile(r"[A-Z]{3}[0-9]{12}")


def document_type(text: str) -> DocumentType:
    """The type with this Chinese name, or a :class:`DocumentError` that lists the names."""
    name = without_spaces(half_width(text))
    if not name:
        raise DocumentError("document-type-missing", "证件类型为空", f"请填写证件类型：{_official_names()}")
    found = _TYPE_OF.get(name)
    if found is None:
        raise DocumentError("document-type-unknown", "不支持该证件类型", f"请改为以下之一：{_official_names()}")
    return found


def normalise_document(kind: DocumentType, raw: str | int | float | None, today: date) -> DocumentNumber:
    """The number in its stored form: half-width, no spaces, capital letters, 18 digits instead of 15.

    ``raw`` is the cell as it was read; a numeric cell is refused whatever it holds, since zeros and last digits may
    be lost. ``today`` is the Shanghai date against which births are judged. Raises :class:`DocumentError`.
    """
    if isinstance(raw, int | float):
        raise DocumentError("document-number-numeric", "证件号码是数字格式，末几位可能已丢失", _TEXT_COLUMN)
    number = without_spaces(half_width(raw or "")).upper()
    if not number:
        raise DocumentError("document-number-missing", "证件号码为空", "请填写证件号码")
    if _SCIENTIFIC.fullmatch(number):
        raise DocumentError("document-number-numeric", "证件号码被显示为科学计数法，末几位已丢失", _TEXT_COLUMN)
    if kind is DocumentType.RESIDENT_IDENTITY_CARD:
        return _resident(number, today)
    if kind is DocumentType.HK_MACAO_TAIWAN_RESIDENCE:
        if not number.startswith(("810000", "820000", "830000")):
            raise DocumentError(
                "document-number-format",
                "港澳台居民居住证号码应以 810000、820000 或 830000 开头",
                "请核对证件号码与证件类型",
            )
        return _checked(kind, number, today)
    if kind is DocumentType.FOREIGN_PERMANENT_RESIDENT:
        return _permanent_resident(number, today)
    pattern, rule = _FORMATS[kind]
    if not pattern.fullmatch(number):
        raise DocumentError("document-number-format", f"{kind.label}号码格式不正确", f"{rule}，请对照证件原件核对")
    return DocumentNumber(kind, number)


def resident_check_character(first_17: str) -> str:
    """The 18th character for 17 digits, by GB 11643 (ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(first_17, _WEIGHTS, strict=True))
    return _CHECK_CHARACTERS[total % 11]


def mask_document(number: str) -> str:
    """First four and last four characters (M24, H19: ``3411****6755``); of short numbers two and two, or nothing."""
    if len(number) >= 12:
        return f"{number[:4]}****{number[-4:]}"
    if len(number) >= 7:
        return f"{number[:2]}****{number[-2:]}"
    return "****"


def normalise_credit_code(raw: str | int | float | None) -> str:
    """统一社会信用代码 (GB 32100): 18 capital letters and digits with a right check character.

    Raises :class:`DocumentError`.
    """
    if isinstance(raw, int | float) or _SCIENTIFIC.fullmatch(without_spaces(half_width(raw or ""))):
        raise DocumentError(
            "credit-code-numeric",
            "统一社会信用代码是数字格式，末几位可能已丢失",
            "请将该列设置为文本格式后重新填写完整代码",
        )
    code = without_spaces(half_width(raw or "")).upper()
    if not code:
        raise DocumentError("credit-code-missing", "统一社会信用代码为空", "请填写 18 位统一社会信用代码")
    if not re.fullmatch(r"[0-9A-Z]{18}", code):
        raise DocumentError(
            "credit-code-format", "统一社会信用代码不是 18 位字母和数字", "请对照登记证书填写 18 位代码"
        )
    try:
        uscc.validate(code)
    except ValidationError:
        raise DocumentError(
            "credit-code-check",
            "统一社会信用代码校验不通过",
            "请对照登记证书逐位核对；代码中不使用字母 I、O、S、V、Z",
        ) from None
    return code


def _resident(number: str, today: date) -> DocumentNumber:
    if re.fullmatch(r"[0-9]{15}", number):
        first_17 = f"{number[:6]}19{number[6:]}"
        longer = _checked(DocumentType.RESIDENT_IDENTITY_CARD, first_17 + resident_check_character(first_17), today)
        return DocumentNumber(longer.type, longer.number, longer.birth_date, longer.sex, converted=True)
    return _checked(DocumentType.RESIDENT_IDENTITY_CARD, number, today)


def _permanent_resident(number: str, today: date) -> DocumentNumber:
    # Cards since December 2023 have 18 digits that begin with 9 and are laid out like a resident's; before, ABC + 12.
    if _OLD_PERMANENT_RESIDENT.fullmatch(number):
        return DocumentNumber(DocumentType.FOREIGN_PERMANENT_RESIDENT, number)
    if not number.startswith("9"):
        raise DocumentError(
            "document-number-format",
            "外国人永久居留身份证号码格式不正确",
            "新版为以 9 开头的 18 位号码，旧版为 3 位字母加 12 位数字，请对照证件原件核对",
        )
    return _checked(DocumentType.FOREIGN_PERMANENT_RESIDENT, number, today)


def _checked(kind: DocumentType, number: str, today: date) -> DocumentNumber:
    """An 18-digit number laid out as GB 11643 says: shape, birth date, check character, in this order."""
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        shape = "18 位（或 15 位）" if kind is DocumentType.RESIDENT_IDENTITY_CARD else "18 位"
        raise DocumentError(
            "document-number-format",
            f"{kind.label}号码应为{shape}数字，末位可以是 X，现为 {len(number)} 位或含有其他字符",
            "请对照证件原件核对号码；如不是该类证件，请改证件类型",
        )
    birth_date = _birth_date(number, today)
    if resident_check_character(number[:17]) != number[17]:
        # Fifteen significant digits and then zeros: Excel again, saved as text afterwards.
        lost = number.endswith("000")
        raise DocumentError(
            "document-number-check",
            "证件号码校验位不正确" + ("，末三位为 0，可能在数字格式单元格中丢失" if lost else ""),
            _TEXT_COLUMN if lost else "请对照证件原件逐位核对号码",
        )
    sex = Sex.MALE if int(number[16]) % 2 else Sex.FEMALE
    return DocumentNumber(kind, number, birth_date, sex)


def _birth_date(number: str, today: date) -> date:
    try:
        birth_date = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise DocumentError(
            "document-number-birth-date", "证件号码中的出生日期不存在", "请对照证件原件核对第 7 至 14 位"
        ) from None
    if birth_date > today:
        raise DocumentError(
            "document-number-birth-date", "证件号码中的出生日期晚于今天", "请对照证件原件核对第 7 至 14 位"
        )
    if birth_date < _EARLIEST_BIRTH:
        raise DocumentError(
            "document-number-birth-date", "证件号码中的出生日期早于 1900 年", "请对照证件原件核对第 7 至 14 位"
        )
    return birth_date


def _official_names() -> str:
    return "、".join(names[0] for names in _NAMES.values())
