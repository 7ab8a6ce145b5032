"""From an uploaded file to rows of cells, by a reader process with bounded memory and time."""

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic

from member_svc.imports.columns import F, Headers, Layout, match_headers
from member_svc.imports.rules import MAX_ROWS, Cell
from unioncard.problems import Problem, invalid
from unioncard.spreadsheets.process import ask_reader

READERS_AT_ONCE = 2

# Title, and what to do about it. ``{where}`` names cells.
_REFUSALS = {
    "empty": ("文件中没有数据", "请在第一个工作表中填写会员信息，从第 2 行开始。"),
    "not-excel": ("不是 Excel 文件", "请上传 .xlsx 或 .xls 格式的文件，可先下载模板填写。"),
    "broken": ("文件已损坏，无法读取", "请用 Excel 或 WPS 打开后另存为 .xlsx 再上传。"),
    "password": ("文件设有密码", "请取消文件密码后再上传。"),
    "too-large": ("文件内容过大", "解压后的内容超出限制，请只保留会员信息，另存为新文件后再上传。"),
    "merged": ("工作表中有合并单元格", "请取消合并并逐格填写：{where}。"),
    "formulas": ("工作表中有公式", "请将公式单元格复制后“选择性粘贴”为数值：{where}。"),
}


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A line that is not empty, as the sender typed it; ``line`` is the sheet's own number."""

    line: int
    cells: list[Any]


@dataclass(frozen=True, slots=True)
class Sheet(Generic[F]):
    """The sender's sheet: header cells and rows."""

    header: list[str]
    rows: list[SheetRow]
    headers: Headers[F]

    def cells(self, row: SheetRow) -> dict[F, Cell]:
        """The row's cells by field, however the columns are ordered."""
        return {
            field: as_cell(row.cells[place]) if place < len(row.cells) else None
            for field, place in self.headers.places.items()
        }


def as_cell(value: Any) -> Cell:
    """A cell as the reader process wrote it down."""
    if isinstance(value, dict):
        return date.fromisoformat(value["day"])
    return value  # type: ignore[no-any-return]  # JSON text, number or truth value


class WorkbookReader:
    """Starts reader processes, a few at a time."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(READERS_AT_ONCE)

    async def read(self, data: bytes, layout: Layout[F]) -> Sheet[F]:
        """The sheet, or a 422 problem that says what is wrong with the file as a whole."""
        async with self._turns:
            answer = await ask_reader(data, MAX_ROWS)
        code = answer.get("refused")
        if code is not None:
            title, remedy = _REFUSALS[code]
            where: list[str] = answer["where"]
            raise invalid(f"workbook-{code}", title, remedy.format(where="、".join(where)), cells=where)
        return _sheet(answer, layout)


def _sheet(answer: dict[str, Any], layout: Layout[F]) -> Sheet[F]:
    header = [str(cell) for cell in answer["header"]]
    headers = match_headers(header, layout)
    if not headers.fit:
        raise _wrong_headers(headers, layout)
    if answer["count"] == 0:
        raise invalid("workbook-empty", *_REFUSALS["empty"])
    if answer["count"] > MAX_ROWS:
        title = f"一次最多导入 {MAX_ROWS} 行，文件中有 {answer['count']} 行"
        raise invalid(
            "too-many-rows", title, f"请拆分为每份不超过 {MAX_ROWS} 行的文件，逐份导入。", count=answer["count"]
        )
    return Sheet(header, [SheetRow(line, cells) for line, cells in answer["rows"]], headers)


def _wrong_headers(headers: Headers[F], layout: Layout[F]) -> Problem:
    parts = [
        f"{what}：{'、'.join(names)}"
        for what, names in (("缺少", headers.missing), ("无法识别", headers.unknown), ("重复", headers.repeated))
        if names
    ]
    expected = "、".join(column.header for column in layout.columns)
    return invalid(
        "wrong-headers",
        "表头与模板不符",
        f"{'；'.join(parts)}。请使用模板的第 1 行作为表头，可用的列：{expected}。",
        missing=list(headers.missing),
        unknown=list(headers.unknown),
        repeated=list(headers.repeated),
    )
