"""Files that operators load by command: UTF-8 CSV with the columns that the README names."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from member_svc.organisations.rules import BadLine

SHOWN = 100


class BadFile(Exception):
    """Nothing of the file was applied; every bad line is named (the first 100 are shown)."""

    def __init__(self, lines: Sequence[BadLine]) -> None:
        more = f"\n……另有 {len(lines) - SHOWN} 处错误" if len(lines) > SHOWN else ""
        super().__init__("\n".join(str(line) for line in lines[:SHOWN]) + more)
        self.lines = list(lines)


def read_csv(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Lines with their numbers (the header is line 1), streamed. Raises :class:`BadFile` for a file that is none."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="")
            found = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = found
            missing = [name for name in columns if name not in found]
            unknown = [name for name in found if name not in columns]
            if missing or unknown:
                reason = f"表头不符：缺少 {'、'.join(missing) or '无'}；多出 {'、'.join(unknown) or '无'}"
                raise BadFile([BadLine(1, "、".join(missing or unknown), reason, f"表头应为：{','.join(columns)}")])
            for cells in reader:
                if cells.pop("", None) is not None:
                    remedy = "请检查是否有未加引号的逗号"
                    raise BadFile([BadLine(reader.line_num, columns[-1], "该行的列数多于表头", remedy)])
                yield reader.line_num, cells
    except (UnicodeDecodeError, csv.Error):
        raise BadFile([BadLine(1, columns[0], "文件不是 UTF-8 编码的 CSV", "请另存为“CSV UTF-8”后重新加载")]) from None
    except OSError as error:
        raise BadFile([BadLine(0, columns[0], f"无法读取文件：{error.strerror}", "请核对路径和权限")]) from None
