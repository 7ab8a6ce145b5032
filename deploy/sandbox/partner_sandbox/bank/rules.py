"""How the bank judges a member and makes up a card number. Pure: the same request always ends the same way."""

from collections.abc import Mapping
from datetime import date
from hashlib import blake2b
from typing import Any

from partner_sandbox.behaviour import BankBehaviour, chance

# A fictional issuer number in UnionPay's range (62…): 6 digits, then 12 of our own, then the check digit.
ISSUER = "629999"
LONGEST_NAME = 10

REASONS = {
    "NAME_NOT_GBK": "姓名含有银行字库（GBK）以外的生僻字，请改用特殊办卡通道。",
    "NAME_TOO_LONG": "姓名超过十个汉字，请改用特殊办卡通道。",
    "DOCUMENT_EXPIRED": "证件已过有效期，请更新证件到期日后重新提交。",
    "MOBILE_IN_USE": "手机号已在其他客户名下预留，请核实并更换手机号后重新提交。",
    "DOCUMENT_MISMATCH": "姓名与证件号码联网核查不一致，请核对后重新提交。",
    "ADDRESS_INCOMPLETE": "联系地址不完整，请补充到门牌号后重新提交。",
    "ACCOUNT_LIMIT": "该客户名下账户数量已达上限，请本人持证件到网点办理销户后重新提交。",
}
UNSEEN_REASONS = ("MOBILE_IN_USE", "DOCUMENT_MISMATCH", "ADDRESS_INCOMPLETE", "ACCOUNT_LIMIT")


def refusal(member: Mapping[str, Any], channel: str, bank: BankBehaviour, seed: str, today: date) -> str | None:
    """The reason code for which the bank makes no card, or None.

    Names it cannot print are refused on the normal channel only; on the special one (特殊通道) the member comes to an
    outlet in person (domain 4.2, 4.6).
    """
    if bank.check_names and channel == "normal":
        if not in_gbk(member["name"]):
            return "NAME_NOT_GBK"
        if chinese_characters(member["name"]) > LONGEST_NAME:
            return "NAME_TOO_LONG"
    expiry = member.get("document_expiry")
    if bank.check_expiry and expiry and date.fromisoformat(expiry) < today:
        return "DOCUMENT_EXPIRED"
    if bank.fail_rate:
        # Hangs on what a union can mend: the same data fail again, mended data are judged anew.
        subject = [member.get(field) for field in ("member_id", "name", "document_number", "mobile", "address")]
        if chance(seed, "fail", *subject) < bank.fail_rate:
            return UNSEEN_REASONS[int(chance(seed, "reason", *subject) * len(UNSEEN_REASONS))]
    return None


def in_gbk(name: str) -> bool:
    """Whether the bank's character set holds every character of the name."""
    try:
        name.encode("gbk")
    except UnicodeEncodeError:
        return False
    return True


def chinese_characters(name: str) -> int:
    """How many Chinese characters the name has; separators such as · do not count."""
    return sum("㐀" <= c <= "鿿" or "豈" <= c <= "﫿" or c >= "\U00020000" or c == "〇" for c in name)


def card_number(member_id: object, batch_number: str, turn: int = 0) -> str:
    """19 digits with a Luhn check digit, always the same for a member and batch.

    ``turn`` is raised by the caller when the number is taken: twelve digits are too few for chance never to meet.
    """
    digest = blake2b(f"{member_id}\x1f{batch_number}\x1f{turn}".encode(), digest_size=8).digest()
    body = f"{ISSUER}{int.from_bytes(digest) % 10**12:012d}"
    return body + luhn_digit(body)


_DOUBLED = bytes(sum(divmod(2 * digit, 10)) for digit in range(10))


def luhn_digit(body: str) -> str:
    """The check digit that ISO/IEC 7812 wants after these digits."""
    digits = [ord(c) - 48 for c in body]
    total = sum(digits[-2::-2]) + sum(_DOUBLED[d] for d in digits[-1::-2])
    return str(-total % 10)
