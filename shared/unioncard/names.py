"""Names of people (姓名): one form to store and compare, and what the bank cannot print or hold."""

import re
import unicodedata

from unioncard.text import InvalidValue, half_width, single_spaces

MAX_LENGTH = 100
LONG_NAME = 10

# The dot inside names of minorities is typed in many ways; GBK and the identity card have U+00B7.
_DOTS = dict.fromkeys((0x2022, 0x2027, 0x22C5, 0x30FB, 0xFF65, 0x2219, 0x0387, 0x16EB), "·")
_HAN = r"\u2e80-\u2fdf\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SPACE_BY_HAN = re.compile(rf"(?<=[{_HAN}]) (?=[{_HAN}])")
_SPACE_BY_DOT = re.compile(r" ?· ?")
_HAN_CHARACTER = re.compile(rf"[{_HAN}]")


class PersonNameError(InvalidValue):
    """A name that cannot be taken."""


def normalise_name(raw: str | None) -> str:
    """The name as it is stored and compared.

    Trimmed; full-width letters made ordinary; no space between two Chinese characters (``张　三``), one between
    words; the middle dot always ``·``; Unicode NFC. Raises :class:`PersonNameError` for empty names and for digits,
    signs, control and private characters.
    """
    text = unicodedata.normalize("NFC", half_width(raw or "")).translate(_DOTS)
    name = _SPACE_BY_DOT.sub("·", _SPACE_BY_HAN.sub("", single_spaces(text)))
    if not name:
        raise PersonNameError("name-missing", "姓名为空", "请填写姓名")
    if len(name) > MAX_LENGTH:
        raise PersonNameError("name-too-long", f"姓名超过 {MAX_LENGTH} 个字符", "请核对姓名是否填错列")
    for character in name:
        _check(character)
    if not any(unicodedata.category(character)[0] == "L" or character == "〇" for character in name):
        raise PersonNameError("name-character", "姓名中没有文字", "请填写姓名")
    return name


def _check(character: str) -> None:
    category = unicodedata.category(character)
    if character in " ·-'.’〇" or category[0] in "LM":
        return
    if category[0] == "N":
        raise PersonNameError("name-digit", "姓名中含有数字", "请核对姓名，删除其中的数字")
    if category == "Co":
        raise PersonNameError(
            "name-private-character",
            "姓名中含有无法识别的自造字",
            "请改用国家标准字库中的汉字；无法输入时请联系上级工会",
        )
    if category[0] == "C":
        raise PersonNameError("name-control-character", "姓名中含有不可见字符", "请清空单元格后重新手工输入姓名")
    if character == "?":
        raise PersonNameError(
            "name-question-mark", "姓名中含有问号，可能是未能显示的生僻字", "请用支持生僻字的输入法重新输入姓名"
        )
    raise PersonNameError("name-character", "姓名中含有符号", "请核对姓名，删除其中的符号")


def fits_gbk(name: str) -> bool:
    """Whether the bank's character set holds every character of the name."""
    return not rare_characters(name)


def rare_characters(name: str) -> str:
    """The characters (生僻字) that GBK lacks, in order, each once: what a text file shows as ``?`` (G19 Q49)."""
    rare = (character for character in name if not _in_gbk(character))
    return "".join(dict.fromkeys(rare))


def is_long_name(name: str) -> bool:
    """More than ten Chinese characters; the dots do not count (domain 4.2)."""
    return len(_HAN_CHARACTER.findall(name)) > LONG_NAME


def _in_gbk(character: str) -> bool:
    try:
        character.encode("gbk")
    except UnicodeEncodeError:
        return False
    return True
