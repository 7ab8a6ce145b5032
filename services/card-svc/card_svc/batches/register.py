"""The register as PDF: 《上海工会会员服务卡批量开户汇总表》 (清册), set by typst. Blocking: run it in a thread."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
import typst
from fontTools.ttLib import TTCollection, TTFont

from card_svc.batches.rules import REGISTER
from card_svc.cards.rules import CHANNEL_LABELS
from card_svc.personal import PersonalData
from unioncard.contracts.cards import Channel
from unioncard.dates import LONG_TERM, SHANGHAI
from unioncard.documents import DocumentType, Sex
from unioncard.problems import Problem

_TEMPLATE = Path(__file__).with_name("register.typ")
_NOTO = "Noto Sans CJK SC"
_NOTO_FILE = Path(str(files("noto_cjk_sans_otc"))) / "NotoSansCJK-Regular.ttc"
_FONT_FILES = (".ttf", ".otf", ".ttc", ".otc")

_COLUMNS = (
    "序号",
    "会员编号",
    "姓名",
    "证件类型",
    "证件号码",
    "性别",
    "证件到期日",
    "手机号码",
    "银行卡号",
    "会员签收",
)


def render(personal: PersonalData, font_paths: Sequence[Path], batch: Any, members: Sequence[Any]) -> bytes:
    """The PDF, or a problem (409) that names each character no installed font can print."""
    data = {
        "title": REGISTER,
        "number": batch.number,
        "heading": _heading(personal, batch),
        "columns": list(_COLUMNS),
        "rows": [_row(personal, row) for row in members],
    }
    further = _fonts_in(tuple(str(path) for path in font_paths))
    fonts = _needed_fonts(_texts(data), further)
    pdf: bytes = typst.compile(  # type: ignore[misc]  # its stub leaves a type variable open
        _TEMPLATE.read_bytes(),
        font_paths=[str(_NOTO_FILE.parent), *map(str, font_paths)],
        ignore_system_fonts=True,
        sys_inputs={"data": orjson.dumps(data | {"fonts": fonts}).decode()},
    )
    return pdf


def _heading(personal: PersonalData, batch: Any) -> list[list[str]]:
    submitted = batch.submitted_at.astimezone(SHANGHAI)
    return [
        ["工会名称", batch.union_name],
        ["批次编号", batch.number],
        ["提交时间", f"{submitted:%Y-%m-%d %H:%M}"],
        ["发卡支行", batch.branch or "-"],
        ["经办网点", batch.outlet_name or "-"],
        ["网点地址", batch.outlet_address or "-"],
        ["办卡通道", CHANNEL_LABELS[Channel(batch.channel)]],
        ["工会经办人", personal.decrypt("contact_name", batch.number, batch.contact_name)],
        ["联系方式", personal.decrypt("contact_mobile", batch.number, batch.contact_mobile)],
        ["总人数", str(batch.members)],
    ]


def _row(personal: PersonalData, row: Any) -> list[str]:
    expiry = row.document_expiry
    kind, sex = row.document_type, row.sex
    card = personal.decrypt("card_number", row.member_id, row.card_number) if row.card_number else ""
    return [
        str(row.place),
        row.member_number,
        personal.name(row.member_id, row.name),
        DocumentType(kind).label if kind in set(DocumentType) else kind,
        personal.decrypt("document_number", row.member_id, row.document_number),
        Sex(sex).label if sex in set(Sex) else sex,
        "" if expiry is None else "长期" if expiry == LONG_TERM else expiry.isoformat(),
        personal.decrypt("mobile", row.member_id, row.mobile),
        card,
        "办卡失败" if row.outcome == "failed" else "",
    ]


def _texts(data: dict[str, Any]) -> Iterable[str]:
    yield from (value for pair in data["heading"] for value in pair)
    yield from (value for row in data["rows"] for value in row)


def _needed_fonts(texts: Iterable[str], further: dict[str, frozenset[int]]) -> list[str]:
    """Noto first, then whichever font has what it lacks; a typesetter would print an empty box and say nothing."""
    lacking = {ord(character) for text in texts for character in text} - _noto_characters()
    fonts = [_NOTO]
    for family, characters in further.items():
        if lacking & characters:
            fonts.append(family)
            lacking -= characters
    if lacking:
        named = "、".join(f"“{chr(code)}”（U+{code:04X}）" for code in sorted(lacking)[:20])
        raise Problem(
            409,
            "unprintable-character",
            f"清册中有无法打印的字：{named}",
            "请系统管理员安装含有这些字的字体（如 HanaMin），并将其所在文件夹加入设置 UNIONCARD_FONT_PATHS 后重试。",
        )
    return fonts


@lru_cache(maxsize=1)
def _noto_characters() -> frozenset[int]:
    return _characters(TTCollection(str(_NOTO_FILE), lazy=True).fonts)[_NOTO]


@lru_cache(maxsize=8)
def _fonts_in(folders: tuple[str, ...]) -> dict[str, frozenset[int]]:
    """The fonts in these folders by family, in the order of their files' names."""
    found: dict[str, frozenset[int]] = {}
    for folder in folders:
        for file in sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in _FONT_FILES):
            collection = file.suffix.lower() in (".ttc", ".otc")
            fonts = TTCollection(str(file), lazy=True).fonts if collection else [TTFont(str(file), lazy=True)]
            found |= _characters(fonts)
    # A font that the typesetter does not take, or knows by another name, prints nothing: then it is none.
    usable = set(typst.Fonts(include_system_fonts=False, font_paths=list(folders)).families())
    return {family: characters for family, characters in found.items() if family in usable}


def _characters(fonts: Sequence[Any]) -> dict[str, frozenset[int]]:
    """Which characters each family has."""
    return {font["name"].getBestFamilyName(): frozenset(font.getBestCmap() or {}) for font in fonts}
