"""The report of a rehearsal, as Markdown and as one HTML page that needs nothing beside it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from unioncard.dates import SHANGHAI
from unioncard.money import Fen, format_yuan
from unioncard_cli.audit.checks import LAWS, Difference
from unioncard_cli.audit.facts import Facts
from unioncard_cli.season import charts
from unioncard_cli.season.journal import Entry, Journal
from unioncard_cli.season.plan import Plan

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A rehearsal that is over. ``names`` are the districts', in the plan's order."""

    plan: Plan
    journal: Journal
    names: Sequence[str]
    members: int
    seed: int
    speed: float
    batches: Sequence[Mapping[str, Any]]
    facts: Facts
    differences: Sequence[Difference]
    seconds: float

    @property
    def misjudged(self) -> list[Entry]:
        """Acts that were not judged as the calendar says."""
        return [one for one in self.journal.entries if not one.as_planned]

    @property
    def sound(self) -> bool:
        """Every deadline was judged rightly, and the audit found nothing."""
        return not self.misjudged and not self.differences


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report; a long one is folded away in HTML."""

    title: str
    head: Sequence[str]
    rows: Rows
    folded: bool = False


_SUMS = ("heads", "fee_fen", "subsidy_fen", "district_fen", "union_fen", "due_fen", "received_fen")
_STATES = {"written_off": "已核销", "voided": "已作废", "passed": "待缴费", "reviewing": "审核中", "returned": "已退回"}


def write(outcome: Outcome, folder: Path) -> tuple[Path, Path]:
    """Write ``report.md`` and ``report.html``; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = [*_tables(outcome)]
    markdown, page = folder / "report.md", folder / "report.html"
    markdown.write_text(_markdown(outcome, tables), encoding="utf-8")
    page.write_text(_html(outcome, tables), encoding="utf-8")
    return markdown, page


def _tables(outcome: Outcome) -> Iterator[Table]:
    yield _overview(outcome)
    yield _money(outcome)
    yield _deadlines(outcome.journal.entries)
    yield _habits(outcome)
    yield _laws(outcome)
    if outcome.differences:
        rows = [[one.law, one.where, one.what, one.remedy] for one in outcome.differences]
        yield Table("审计发现的差异", ("定律", "位置", "差异", "处理"), rows)
    judged = [one for one in outcome.journal.entries if one.deadline]
    yield Table(
        "逐项时限判定", ("业务时间", "办理人", "事项", "阶段", "应", "判定", "结果"), [*_judged(judged)], folded=True
    )
    rows = [[_moment(one), one.who, one.what, one.outcome] for one in outcome.journal.entries]
    yield Table("全部经过", ("业务时间", "办理人", "事项", "结果"), rows, folded=True)


def _overview(outcome: Outcome) -> Table:
    requests = sorted(one.took_s for one in outcome.journal.requests)
    unions, districts = len(outcome.plan.unions), len(outcome.plan.districts)
    oldest = max((one.oldest_s for one in outcome.journal.samples), default=0.0)
    rows = [
        [
            "规模",
            f"{districts} 个区局，{unions} 家基层工会，{unions * outcome.members} 名会员（随机种子 {outcome.seed}）",
        ],
        ["时钟", f"最快每秒 {outcome.speed / 86400:.2f} 个业务日，负载高时自动放慢"],
        ["实际用时", f"{outcome.seconds:.0f} 秒"],
        ["请求", f"{len(requests)} 次，中位 {_percentile(requests, 50)}，99% 不超过 {_percentile(requests, 99)}"],
        ["消息", f"发件箱最久等待 {oldest:.1f} 秒"],
        ["保单", f"{outcome.facts.policies_standing} 份有效"],
        ["时限判定", _verdict(len(outcome.misjudged), "项与日历不符")],
        ["审计", _verdict(len(outcome.differences), "处差异")],
    ]
    return Table("概况", ("项目", "内容"), rows)


def _verdict(wrong: int, what: str) -> str:
    return f"有 {wrong} {what}" if wrong else "全部相符"


def _percentile(sorted_s: Sequence[float], percent: int) -> str:
    if not sorted_s:
        return "-"
    return f"{sorted_s[min(len(sorted_s) - 1, len(sorted_s) * percent // 100)] * 1000:.0f} 毫秒"


def _money(outcome: Outcome) -> Table:
    """By district, what was written off and what was voided; unpaid parts stay visible."""
    rows = []
    by_name = sorted(outcome.batches, key=lambda one: (one["district_code"], one["number"]))
    for one in by_name:
        kind = "集中" if one["scheme"] == "centralized" else "即时"
        shown = [str(one["heads"]), *(_yuan(one[name]) for name in _SUMS[1:])]
        rows.append([one["district_name"], one["number"], kind, *shown, _STATES[one["state"]]])
    paid = [one for one in outcome.batches if one["state"] == "written_off"]
    total = [sum(one[name] for one in paid) for name in _SUMS]
    rows.append(["合计（已核销）", f"{len(paid)} 个批次", "", str(total[0]), *map(_yuan, total[1:]), ""])
    head = ("区局", "批次", "方式", "人数", "保费", "市总补贴", "区局", "基层", "应缴", "到账", "状态")
    return Table("各区局金额（元）", head, rows)


def _deadlines(entries: Sequence[Entry]) -> Table:
    found: dict[str, Counter[str]] = {}
    for one in entries:
        if one.deadline:
            counts = found.setdefault(one.deadline, Counter())
            counts["in" if one.in_time else "late"] += 1
            counts["refused"] += one.refused
            counts["wrong"] += not one.as_planned
    rows = [
        [phase, str(c["in"]), str(c["late"]), str(c["refused"]), "无" if not c["wrong"] else str(c["wrong"])]
        for phase, c in found.items()
    ]
    return Table("时限判定", ("阶段", "时限内", "逾期", "不予受理", "判定有误"), rows)


def _habits(outcome: Outcome) -> Table:
    unions = Counter(one.habit.label for one in outcome.plan.unions)
    rows = [["基层工会", habit, f"{count} 家"] for habit, count in unions.most_common()]
    rows += [["区局", habit.label, name] for name, habit in zip(outcome.names, outcome.plan.districts, strict=True)]
    return Table("参与者的表现", ("对象", "表现", "数量或名称"), rows)


def _laws(outcome: Outcome) -> Table:
    broken = Counter(one.law for one in outcome.differences)
    rows = [["核对的定律", f"{len(LAWS)} 条"], ["不成立的", "、".join(broken) or "无"]]
    rows.append(["流程", f"{len(outcome.facts.workflows)} 个"])
    rows.append(["账目试算", f"{_yuan(sum(outcome.facts.trial_balances.values()))} 元"])
    return Table("审计", ("项目", "结果"), rows)


def _judged(entries: Sequence[Entry]) -> Iterator[Sequence[str]]:
    for one in entries:
        right = "符合" if one.as_planned else "有误"
        wanted = "受理" if one.in_time else "不予受理"
        yield (_moment(one), one.who, one.what, one.deadline or "", wanted, right, one.outcome)


def _charts(outcome: Outcome) -> str:
    days = outcome.journal.submissions().items()
    seconds = Counter(int(one.at_s) for one in outcome.journal.requests)
    span = range(min(seconds, default=0), max(seconds, default=-1) + 1)
    samples = outcome.journal.samples
    return "".join(
        (
            charts.bars("每个业务日提交的名单数", [(f"{day:%m-%d}", count) for day, count in days]),
            charts.line("请求", [(second, seconds[second]) for second in span], "次/秒"),
            charts.line("发件箱中最久的消息", [(one.at_s, one.oldest_s) for one in samples], "秒"),
            charts.line("等待处理的消息", [(one.at_s, one.outbox + one.lag) for one in samples], "条"),
        )
    )


def _title(outcome: Outcome) -> str:
    return f"{outcome.plan.dates.year} 年度集中参保演练报告"


def _markdown(outcome: Outcome, tables: Sequence[Table]) -> str:
    lines = [f"# {_title(outcome)}", ""]
    days = outcome.journal.submissions().items()
    busiest = max((count for _, count in days), default=1)
    for table in tables:
        lines += [f"## {table.title}", "", _row(table.head), _row(["---"] * len(table.head))]
        lines += [*map(_row, table.rows), ""]
        if table.title == "概况":
            lines += ["## 每个业务日提交的名单数", "", "```"]
            lines += [f"{day:%m-%d} {'█' * max(1, 40 * count // busiest)} {count}" for day, count in days]
            lines += ["```", ""]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


_STYLE = """
body { font: 15px/1.6 "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif; color: #222; margin: 2rem auto;
       max-width: 1080px; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin-bottom: 1rem; }
th, td { border-bottom: 1px solid #ddd; padding: .3rem .5rem; text-align: left; vertical-align: top; }
th { background: #f6f3f0; position: sticky; top: 0; white-space: nowrap; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 0 0 1rem; } figcaption { font-weight: 600; } svg { width: 100%; height: auto; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 1rem; }
.verdict { padding: .6rem 1rem; border-left: 4px solid #2e7d32; background: #f1f8f1; }
.verdict.bad { border-color: #b3261e; background: #fdf1f0; }
summary { cursor: pointer; font-weight: 600; margin: 1rem 0 .5rem; }
"""


def _html(outcome: Outcome, tables: Sequence[Table]) -> str:
    verdict = (
        "全部时限按日历判定，账目与保障核对无误。"
        if outcome.sound
        else f"有 {len(outcome.misjudged)} 项判定与日历不符，审计有 {len(outcome.differences)} 处差异。"
    )
    first, *rest = tables
    return (
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{escape(_title(outcome))}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(_title(outcome))}</h1>"
        f'<p class="verdict{"" if outcome.sound else " bad"}">{verdict}</p>'
        f'{_section(first)}<div class="charts">{_charts(outcome)}</div>'
        f"{''.join(map(_section, rest))}</body></html>"
    )


def _section(table: Table) -> str:
    numeric = [_is_numeric([row[place] for row in table.rows]) for place in range(len(table.head))]
    head = "".join(_cell("th", text, right) for text, right in zip(table.head, numeric, strict=True))
    body = "".join(
        f"<tr>{''.join(_cell('td', text, right) for text, right in zip(row, numeric, strict=True))}</tr>"
        for row in table.rows
    )
    shown = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    if table.folded:
        return f"<details><summary>{escape(table.title)}（{len(table.rows)}）</summary>{shown}</details>"
    return f"<h2>{escape(table.title)}</h2>{shown}"


def _is_numeric(cells: Sequence[str]) -> bool:
    """Whether a column is set to the right: most of what it holds are numbers."""
    numbers = sum(cell.replace(",", "").replace(".", "").isdigit() for cell in cells)
    return numbers * 2 > len(cells)


def _cell(tag: str, text: str, right: bool) -> str:
    kind = ' class="number"' if right else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"


def _moment(entry: Entry) -> str:
    return f"{entry.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def _yuan(fen: int) -> str:
    return format_yuan(Fen(fen))
