"""Adding one member (新增会员) and changing one (编辑): imports of one row, with the same check and approval."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from member_svc.imports import columns
from member_svc.imports.models import ImportKind, ImportView
from member_svc.imports.receiving import BadRows, Checked, hashes_of, take_in
from member_svc.imports.rules import Cell, read_row
from member_svc.members import store as members
from member_svc.members.masking import label
from member_svc.members.sealing import Sealing
from member_svc.organisations.tables import ORGANISATIONS
from unioncard.auth import Allow, scope_of
from unioncard.dates import shanghai_date
from unioncard.principal import Principal, Role
from unioncard.problems import invalid, not_found
from unioncard.service import Context
from unioncard.unit_of_work import Transaction
from unioncard.web.app import problem_responses
from unioncard.web.fields import PathId
from unioncard.web.idempotency import IdempotencyKey, once

router = APIRouter(prefix="/members", tags=["会员"], responses=problem_responses(401, 403, 404, 409))

Union = Annotated[Principal, Depends(Allow(Role.UNION))]
Typed = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]

# What a change may leave out without it being taken from the stored member: empty means unchanged in any case.
_OPTIONAL = ("document_expiry", "nationality")


class NewMember(BaseModel):
    """The add form (C20): every field as it is typed, checked like a row of a sheet."""

    name: Typed = Field(description="姓名", examples=["张三"])
    document_type: Typed = Field(description="证件类型", examples=["居民身份证"])
    document_number: Typed = Field(description="证件号码", examples=["11010519491231002X"])
    sex: Typed = Field(description="性别", examples=["女"])
    birth_date: Typed = Field(description="出生日期", examples=["1949-12-31"])
    address: Typed = Field(description="联系地址", examples=["上海市示例路1号"])
    mobile: Typed = Field(description="移动电话", examples=["13900000000"])
    education: Typed = Field(description="学历", examples=["本科"])
    household: Typed = Field(description="户籍类型", examples=["非农业"])
    grade: Typed = Field(description="技术等级", examples=["无"])
    post: Typed = Field(description="工会职务", examples=["工会会员"])
    document_expiry: Typed | None = Field(None, description="证件到期日，长期有效填“长期”", examples=["长期"])
    nationality: Typed | None = Field(None, description="国籍", examples=["中国"])


class MemberChange(BaseModel):
    """The fields to change; those left out stay as they are."""

    name: Typed | None = Field(None, description="姓名", examples=["张三"])
    document_type: Typed | None = Field(None, description="证件类型", examples=["居民身份证"])
    document_number: Typed | None = Field(None, description="证件号码", examples=["11010519491231002X"])
    sex: Typed | None = Field(None, description="性别", examples=["女"])
    birth_date: Typed | None = Field(None, description="出生日期", examples=["1949-12-31"])
    address: Typed | None = Field(None, description="联系地址", examples=["上海市示例路1号"])
    mobile: Typed | None = Field(None, description="移动电话", examples=["13900000000"])
    education: Typed | None = Field(None, description="学历", examples=["本科"])
    household: Typed | None = Field(None, description="户籍类型", examples=["非农业"])
    grade: Typed | None = Field(None, description="技术等级", examples=["无"])
    post: Typed | None = Field(None, description="工会职务", examples=["工会会员"])
    document_expiry: Typed | None = Field(None, description="证件到期日，长期有效填“长期”", examples=["长期"])
    nationality: Typed | None = Field(None, description="国籍", examples=["中国"])


@router.post("", status_code=201, response_model=ImportView, summary="新增会员")
async def add_member(request: Request, principal: Union, key: IdempotencyKey, member: NewMember) -> Response:
    """Ask for one new member; the direct superior approves (G19 14, 15)."""
    context: Context = request.app.state.context
    sealing: Sealing = request.app.state.sealing
    cells = {columns.Field(name): value for name, value in member.model_dump(exclude_none=True).items()}
    async with context.work.begin(principal.actor) as tx:
        return await once(tx, principal, key, member, lambda: _take_in_one(tx, principal, cells, sealing, "单个新增"))


@router.post("/{member_id}/changes", status_code=201, response_model=ImportView, summary="修改会员信息")
async def change_member(
    request: Request, principal: Union, key: IdempotencyKey, member_id: PathId, change: MemberChange
) -> Response:
    """Ask for a change of one member of the own union; the direct superior approves (G19 19-22)."""
    context: Context = request.app.state.context
    sealing: Sealing = request.app.state.sealing

    async def make() -> ImportView:
        scope = await scope_of(tx.conn, ORGANISATIONS, principal)
        row = await members.find(tx.conn, scope, member_id)
        if row is None or row["union_id"] != principal.organisation_id:
            raise not_found("该会员")
        if row["number"] is None:
            raise invalid("member-pending", "该会员尚未通过审核", "请待上级工会审核后再修改。")
        stored = {**row, **sealing.open(member_id, row)}
        cells: dict[columns.Field, Cell] = {columns.Field.NUMBER: row["number"]}
        for name, value in change.model_dump().items():
            if value is not None or name not in _OPTIONAL:
                cells[columns.Field(name)] = value if value is not None else label(name, stored[name])
        return await _take_in_one(tx, principal, cells, sealing, "单个修改")

    async with context.work.begin(principal.actor) as tx:
        return await once(tx, principal, key, change, make)


async def _take_in_one(
    tx: Transaction, principal: Principal, cells: Mapping[columns.Field, Cell], sealing: Sealing, title: str
) -> ImportView:
    """The same way as a sheet, with one row called line 1; nobody needs a sheet of errors back."""
    today: date = shanghai_date(tx.now)
    row, errors = read_row(1, cells, today)
    rows = [row] if row else []
    try:
        checked = Checked(rows, hashes_of(rows, sealing), errors, 1)
        return await take_in(tx, principal, checked, sealing, kind=ImportKind.SINGLE, file_name=title)
    except BadRows as bad:
        raise bad.problem() from None
