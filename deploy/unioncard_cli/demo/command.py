"""The demo from its first line to the audit's verdict."""

import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.table import Table

from unioncard_cli import scenery
from unioncard_cli.audit.command import show, verdict
from unioncard_cli.audit.facts import Facts
from unioncard_cli.demo import tracing
from unioncard_cli.demo.claims import Claims
from unioncard_cli.demo.screen import Screen, console
from unioncard_cli.demo.season import OTHERS, Season, say_over
from unioncard_cli.operators import Refusal
from unioncard_cli.place import StackError
from unioncard_cli.roster import Person, Trait, make_roster, mended, mixed_traits
from unioncard_cli.scenery import District
from unioncard_cli.season.clock import StackClock
from unioncard_cli.stack import Stack
from unioncard_cli.story import CardStory, bad_rows

ROWS = 1000
SPECIAL_EACH = 8
WRONG_CHECKS = 5
DECLINED = 3
DISTRICT = District("801", "示例区总工会", unions=8)


def demo(
    seed: Annotated[int | None, typer.Option(help="makes the same people again; new ones if not given")] = None,
) -> None:
    """Run the main jobs on the real stack: a roster of 1,000 becomes bank cards, a season is played at speed, and its
    policies pay for claims.

    Ends with the audit.
    """
    stack = Stack()
    if not stack.supervisor_pid():
        raise StackError("the stack is not running", "start it with: make demo")
    started = time.monotonic()
    seed = seed if seed is not None else secrets.randbelow(90_000) + 1_000
    console.print(f"A roster of {ROWS} people who do not exist (seed {seed}) becomes bank cards.\n")
    screen, clock = Screen(), StackClock(stack)
    with screen.step("载入组织、账号和网点目录 (organisations, accounts, outlets)"):
        scene = scenery.load(stack, [DISTRICT, *OTHERS])
    number = _free_union(scene, seed)
    season = Season(scene, clock, DISTRICT, number, number % DISTRICT.unions + 1, seed)
    with ThreadPoolExecutor(4) as pool:
        beside = season.prepare(pool) if season.can_be_played() else []
        sandbox = stack.place.url("sandbox")
        story = CardStory(scene.union(DISTRICT, number), scene.district(DISTRICT), sandbox, today=clock.today)
        numbers = _play(screen, story, seed)
        trace = _collect_trace(screen, stack, story)
        _outcomes(story, numbers)
        for job in beside:
            job.result()
    right = _season(screen, season) if beside else say_over(clock)
    console.print()
    facts, found = verdict(stack, scene.federation(), wait_s=60)
    show(facts, found)
    _where_to_look(stack, numbers, trace, facts)
    console.print(f"\nFinished in {time.monotonic() - started:.0f} s.")
    if found or not right:
        raise typer.Exit(1)


def _free_union(scene: scenery.Scenery, seed: int) -> int:
    """A union in which nobody has played on this stack; any when somebody has in all of them."""
    first = seed % DISTRICT.unions
    for place in range(DISTRICT.unions):
        number = (first + place) % DISTRICT.unions + 1
        union = scene.union(DISTRICT, number)
        # An import that waits, left by a demo that was interrupted or by somebody at play, would hold up the roster.
        waits = union.get("member", "/imports", state="waiting", limit=1)["total"]
        if not waits and not union.get("card", "/cards", limit=1)["total"]:
            return number
    return first + 1


def _season(screen: Screen, season: Season) -> bool:
    console.print("\n[bold]2020 年度集中参保[/bold]：业务时钟从 2019 年 10 月走到 2020 年 2 月\n")
    money_right = season.play(screen)
    console.print("\n[bold]给付[/bold]：业务时钟从 2020 年 3 月走到 2021 年 7 月\n")
    claims_right = Claims(season).play(screen)
    return money_right and claims_right


def _play(screen: Screen, story: CardStory, seed: int) -> list[str]:
    """The slice from the file to the last card handed out; returns the batch numbers."""
    people = _people(seed)
    with screen.step("上传有错误的名册：整份不导入 (a file with wrong rows changes nothing)") as said:
        said.extend(_upload_refused(story, people))
    people = [mended(one) if one.trait is Trait.WRONG_CHECK else one for one in people]
    story.tell_offices(people)
    with screen.step("改正后上传，待上级审核 (mended, uploaded, waits for the superior)") as said:
        import_id = story.upload(people)
        said.append(f"导入 {import_id}：{len(people)} 行")
    with screen.step("经办人自己不能审核 (four eyes)") as said:
        said.append(_own_approval_refused(story, import_id))
    with screen.step("上级工会审核通过，生成会员编号 (approved: members get their numbers)") as said:
        before = story.union.get("card", "/cards", limit=1)["total"]
        said.append(f"{story.approve(import_id)} 名会员")
        story.wait_for_members(before + len(people))
    with screen.step("添加全部未办卡会员至待办 (to-do list)") as said:
        added = story.add_all()
        said.append(f"普通通道 {added['normal']}，特殊通道 {added['special']}")
    batches = [number for channel in ("normal", "special") for number in _one_channel(screen, story, channel)]
    with screen.step("姓名银行系统无法识别的会员改走特殊通道 (rare characters take the special channel)") as said:
        batches += _rare_again(story, batches, said)
    with screen.step("登记银行来电与领卡 (the bank calls, cards are handed out)") as said:
        for number in batches:
            said.append(_hand_out(story, number))
    return batches


def _people(seed: int) -> list[Person]:
    traits = mixed_traits(ROWS, each=SPECIAL_EACH)
    ordinary = [place for place, trait in enumerate(traits) if trait is Trait.ORDINARY]
    for place in ordinary[:: len(ordinary) // WRONG_CHECKS][:WRONG_CHECKS]:
        traits[place] = Trait.WRONG_CHECK
    people = make_roster(seed, traits)
    # One number is typed the way a spreadsheet mangles it.
    people[-1] = replace(people[-1], name=f" {people[-1].name} ")
    return people


def _upload_refused(story: CardStory, people: list[Person]) -> list[str]:
    try:
        story.upload(people)
    except Refusal as refusal:
        rows = bad_rows(refusal)
        if not rows:
            raise StackError(
                f"the roster was refused for another reason than its rows: {refusal.problem['title']}",
                "let its superior decide on the import that waits, or begin anew: make clean",
            ) from None
        shown = [f"第 {row['line']} 行 {row['field']}：{row['reason']}；{row['remedy']}" for row in rows[:3]]
        return [f"{refusal.problem['title']}（共 {len(rows)} 行）", *shown]
    raise StackError("a roster with wrong check digits was taken in")


def _own_approval_refused(story: CardStory, import_id: int) -> str:
    try:
        story.union.post("member", f"/imports/{import_id}/approval", {"decision": "approve"})
    except Refusal as refusal:
        return str(refusal.problem["title"])
    raise StackError("the operator approved its own import")


def _one_channel(screen: Screen, story: CardStory, channel: str) -> list[str]:
    name = {"normal": "普通通道", "special": "特殊通道"}[channel]
    with screen.step(f"{name}：系统校验 (population and social-security offices)") as said:
        checked = story.check(channel)
        said.append(f"通过 {checked['passed']}，未通过 {checked['not_passed']}")
        said.append(f"移除未通过 {story.remove_not_passed(channel)}")
    with screen.step(f"{name}：提交办卡，等待银行生成卡号 (submitted; the bank answers)") as said:
        numbers = story.submit(channel)
        for number in numbers:
            counts = story.wait_for_bank(number)["counts"]
            said.append(f"批次 {number}：成功 {counts['issued']}，失败 {counts['failed']}")
            said.append(f"提醒：{story.wait_for_notice(number)['text']}")
    return numbers


def _rare_again(story: CardStory, batches: list[str], said: list[str]) -> list[str]:
    failed = [row for number in batches for row in story.members_of(number) if row["outcome"] == "failed"]
    if not failed:
        return []
    said.append(f"{len(failed)} 名失败，原因：{failed[0]['reason']}")
    story.union.post("card", "/todo", {"member_ids": [row["member_id"] for row in failed]})
    for row in failed:
        story.switch_channel(row["member_id"], "special")
    story.check("special")
    story.remove_not_passed("special")
    numbers = story.submit("special")
    for number in numbers:
        counts = story.wait_for_bank(number)["counts"]
        story.wait_for_notice(number)
        said.append(f"批次 {number}：成功 {counts['issued']}，失败 {counts['failed']}")
    return numbers


def _hand_out(story: CardStory, number: str) -> str:
    batch = story.batch(number)
    issued = [row["member_id"] for row in story.members_of(number) if row["outcome"] == "issued"]
    declined = issued[:DECLINED] if batch["channel"] == "normal" else []
    if batch["channel"] == "normal":
        story.record_call(number)
    story.union.get_bytes("card", f"/batches/{number}/register.pdf")
    counts = story.pick_up(number, declined)["counts"]
    return f"{number}：代领 {counts['collected']}，凭告知函本人领取 {counts['in_person']}"


def _collect_trace(screen: Screen, stack: Stack, story: CardStory) -> tracing.Found:
    with screen.step("一条完整的调用链：从提交办卡到提醒 (one trace, from the POST to the notice)") as said:
        found = tracing.find(stack, story.submission_traces[0])
        said.append(f"{found.spans} 个环节，经过 {', '.join(found.services)}；{found.verdict}")
    return found


def _outcomes(story: CardStory, numbers: list[str]) -> None:
    reasons: Counter[tuple[str, str]] = Counter()
    for card in story.union.pages("card", "/cards"):
        reasons[card["state_label"], card["failed_reason"] or _why_none(story, card)] += 1
    table = Table("办理状态", "原因", "人数", title=f"全部会员（{len(numbers)} 个批次）")
    for (state, reason), count in sorted(reasons.items(), key=lambda one: -one[1]):
        table.add_row(state, reason, str(count))
    console.print(table)


def _why_none(story: CardStory, card: dict[str, Any]) -> str:
    """Members without a card: why they were taken off the list, from the card log."""
    if card["state"] == "issued":
        return "-"
    log = story.union.get("card", f"/cards/{card['member_id']}/log")["items"]
    return next((entry["reason"] for entry in log if entry["reason"]), "-")


def _where_to_look(stack: Stack, numbers: list[str], trace: tracing.Found, facts: Facts) -> None:
    ui = stack.place.url("temporal-ui")
    with httpx.Client() as client:
        reachable = client.get(ui, follow_redirects=True).is_success
    console.print("\n[bold]Where to look[/bold]")
    if reachable:
        console.print(f"  Temporal UI          {ui}/namespaces/default/workflows", soft_wrap=True)
        for number in numbers:
            console.print(
                f"  batch {number}  {ui}/namespaces/default/workflows/{quote(f'card-batch/{number}', '')}",
                soft_wrap=True,
            )
        for campaign in [one.id for one in facts.campaigns if one.id in facts.workflows]:
            link = f"{ui}/namespaces/default/workflows/{quote(campaign, '')}"
            console.print(f"  the campaign         {link}", soft_wrap=True)
        paid = quote("WorkflowType='Claim' OR WorkflowType='PayoutBatch'")
        console.print(f"  claims and payouts   {ui}/namespaces/default/workflows?query={paid}", soft_wrap=True)
        overdue = quote("UnioncardDistrict='801' AND UnioncardOverdue=true")
        console.print(f"  overdue in 801       {ui}/namespaces/default/workflows?query={overdue}", soft_wrap=True)
    for service in ("member-svc", "card-svc", "insurance-svc", "claims-svc"):
        url = stack.place.url(service)
        console.print(f"  {service:20s} {url}/docs  {url}/metrics", soft_wrap=True)
    console.print(f"  the trace            {trace.path}", soft_wrap=True)
    secret = stack.place.state / "scenery" / "password"
    console.print(f"  to log in            {scenery.FEDERATION}, password in {secret}", soft_wrap=True)
