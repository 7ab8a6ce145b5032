"""Forms as PDF: application form (给付申请审批表), transfer request (划款申请书), and the page of what is missing.

Filled from the data, or blank to be filled by hand [G19 Q81]. Blocking: run them in a thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from claims_svc.claims.rules import BENEFIT_LABELS, EVENT_LABELS, PAYEE_LABELS, PLACE_LABELS, ClaimEvent, PayeeKind
from claims_svc.claims.views import ClaimShown
from claims_svc.papers.needs import NeedsShown
from claims_svc.papers.rules import PAPER_LABELS, PaperKind
from unioncard.dates import day_in_words
from unioncard.money import Fen, capital_yuan, format_yuan
from unioncard.typesetting import typeset

_TEMPLATE = Path(__file__).with_name("form.typ")
_LEVELS = {1: "一级", 2: "二级", 3: "三级"}
_DATE = "年　　月　　日"
_CENTRE = "上海市职工保障互助中心"


@dataclass(frozen=True, slots=True)
class Account:
    """Where money is to go, in plain text."""

    holder: str
    bank: str
    number: str


def application_form(
    font_paths: Sequence[Path], claim: ClaimShown | None, document: str, account: Account | None
) -> bytes:
    """《上海工会会员专享基本保障给付申请审批表》; ``document`` is the member's whole number."""
    data = {
        "title": PAPER_LABELS[PaperKind.APPLICATION_FORM],
        "to": "",
        "opening": "",
        "blocks": [_person(claim, document), _event(claim), _payee(claim, account)],
        "lines": [],
        "boxes": [
            {"title": "申请人", "text": "以上内容属实，请予给付。", "sign": f"签名：　　　　　　{_DATE}"},
            {"title": "基层工会", "text": "情况属实。", "sign": f"（盖章）　　　　{_DATE}"},
            {"title": "区局（产业）工会", "text": "情况属实。", "sign": f"（盖章）　　　　{_DATE}"},
            {"title": "市职保中心审核", "text": "", "sign": f"审核：　　　复核：　　　　{_DATE}"},
        ],
        "note": (
            "本市二、三级医院就诊且划入本人会员服务卡的，由区局（产业）工会或基层工会盖章；"
            "外省市三级医院就诊的，或划入单位账户、继承人账户的，由区局（产业）工会盖章。"
        ),
        "footer": claim.number if claim else "空白表格",
    }
    return typeset(_TEMPLATE, data, font_paths, "审批表")


def transfer_request(font_paths: Sequence[Path], claim: ClaimShown | None, account: Account | None) -> bytes:
    """《划款申请书》: money to a unit account or an heir's; always with the district's stamp (G19 Q87)."""
    blank = Account("", "", "")
    given = account or blank
    amount = f"¥{format_yuan(Fen(claim.claimed_fen))}（{capital_yuan(Fen(claim.claimed_fen))}）" if claim else ""
    rows = [
        ["给付申请编号", claim.number if claim else "", "会员姓名", claim.member_name if claim else ""],
        ["给付项目", BENEFIT_LABELS[claim.benefit] if claim else "", "申请金额", amount],
        ["收款户名", given.holder, "开户行", given.bank],
        ["收款账号", given.number, "收款方式", PAYEE_LABELS[claim.payee] if claim else ""],
    ]
    data = {
        "title": PAPER_LABELS[PaperKind.TRANSFER_REQUEST],
        "to": _CENTRE,
        "opening": "请将下列会员专享基本保障的保障金划入以下账户。账户信息已核对，由此产生的责任由我单位承担。",
        "blocks": [rows],
        "lines": [],
        "boxes": [
            {"title": "经办人", "text": "", "sign": f"签名：　　　　　　{_DATE}"},
            {"title": "区局（产业）工会", "text": "同意划入上述账户。", "sign": f"（盖章）　　　　{_DATE}"},
        ],
        "note": "划款申请书必须由区局（产业）工会盖章，基层工会盖章无效。",
        "footer": claim.number if claim else "空白表格",
    }
    return typeset(_TEMPLATE, data, font_paths, "划款申请书")


def needs_page(font_paths: Sequence[Path], needs: NeedsShown, today: date) -> bytes:
    """What a claim still needs, on one page to print."""
    data = {
        "title": "给付申请尚需材料",
        "to": "",
        "opening": f"截至{day_in_words(today)}：",
        "blocks": [],
        "lines": needs.lines,
        "boxes": [],
        "note": "",
        "footer": needs.number,
    }
    return typeset(_TEMPLATE, data, font_paths, "尚需材料")


def _person(claim: ClaimShown | None, document: str) -> list[list[str]]:
    if claim is None:
        return [
            ["会员姓名", "", "会员编号", ""],
            ["证件号码", "", "所在工会", ""],
            ["区局（产业）工会", "", "申请编号", ""],
        ]
    return [
        ["会员姓名", claim.member_name, "会员编号", claim.member_number],
        ["证件号码", document, "所在工会", claim.union_name],
        ["区局（产业）工会", claim.district_name, "申请编号", claim.number],
    ]


def _event(claim: ClaimShown | None) -> list[list[str]]:
    if claim is None:
        return [
            ["给付项目", "、".join(BENEFIT_LABELS.values()), "事由", ""],
            ["发生日期", "", "疾病名称", ""],
            ["就诊医院", "", "医院等级", "二级／三级；本市／外省市"],
        ]
    place = PLACE_LABELS[claim.hospital_place] if claim.hospital_place else ""
    level = _LEVELS.get(claim.hospital_level or 0, "")
    days = claim.event_day.isoformat()
    if claim.event is ClaimEvent.STAY:
        nights = (claim.last_day - claim.event_day).days + 1
        days = f"{days} 至 {claim.last_day.isoformat()}，共 {nights} 天（出院当日不计）"
    return [
        ["给付项目", BENEFIT_LABELS[claim.benefit], "事由", EVENT_LABELS[claim.event]],
        ["发生日期", days, "疾病名称", claim.illness_name or claim.illness_code or ""],
        ["就诊医院", claim.hospital or "", "医院等级", f"{place}{level}"],
    ]


def _payee(claim: ClaimShown | None, account: Account | None) -> list[list[str]]:
    if claim is None:
        return [["收款方式", "、".join(PAYEE_LABELS.values()), "收款户名", ""], ["开户行", "", "账号", ""]]
    label = PAYEE_LABELS[claim.payee]
    if claim.payee is PayeeKind.OWN_CARD:
        return [["收款方式", label, "收款户名", claim.member_name]]
    given = account or Account("", "", "")
    return [["收款方式", label, "收款户名", given.holder], ["开户行", given.bank, "账号", given.number]]
