"""Why a field of a request cannot be taken, in the words of those who fill it in."""

from collections.abc import Mapping
from typing import Any

# By pydantic's own type of error; what is not here is rare and says that the format is wrong.
_REASONS: Mapping[str, str] = {
    "missing": "必须填写",
    "extra_forbidden": "没有这一项，请删除",
    "json_invalid": "不是有效的 JSON",
    "json_type": "不是有效的 JSON",
    "model_attributes_type": "应为 JSON 对象",
    "dict_type": "应为 JSON 对象",
    "list_type": "应为列表",
    "string_type": "应为文字",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "最多 {max_length} 个字符",
    "string_pattern_mismatch": "格式不正确",
    "string_unicode": "含有无法识别的字符",
    "too_short": "至少 {min_length} 项",
    "too_long": "最多 {max_length} 项",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_parsing_size": "数值过大",
    "int_from_float": "应为整数",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "不得小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "不得大于 {le}",
    "enum": "只能是 {expected} 之一",
    "literal_error": "只能是 {expected} 之一",
    "date_type": "不是有效日期，请按 2020-01-31 填写",
    "date_parsing": "不是有效日期，请按 2020-01-31 填写",
    "date_from_datetime_parsing": "不是有效日期，请按 2020-01-31 填写",
    "date_from_datetime_inexact": "应为日期，不含时间",
    "datetime_parsing": "不是有效时间",
    "datetime_from_date_parsing": "不是有效时间",
    "timezone_aware": "时间须带时区，例如 +08:00",
}
# What our own validators raise is written for whoever reads it.
_OURS = "value_error"


def reason_of(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors as staff read it, without the value that was sent."""
    if error["type"] == _OURS:
        return str(error["msg"]).removeprefix("Value error, ")
    context = {name: str(value).replace(" or ", "、") for name, value in error.get("ctx", {}).items()}
    return _REASONS.get(error["type"], "格式不正确").format_map(context)
