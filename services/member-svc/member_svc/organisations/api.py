"""What staff see of the tree."""

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from member_svc.organisations import store
from member_svc.organisations.tables import ORGANISATIONS
from unioncard.auth import STAFF, Allow, scope_of
from unioncard.contracts.members import OrganisationKind, OrganisationLevel
from unioncard.database import reading
from unioncard.principal import Principal
from unioncard.problems import not_found
from unioncard.service import Context
from unioncard.web.app import problem_responses
from unioncard.web.fields import Id, PathId, Text
from unioncard.web.pages import Page, Paging, cursor_after

router = APIRouter(prefix="/organisations", tags=["组织"], responses=problem_responses(401, 403, 404))


class OrganisationRow(BaseModel):
    """An organisation in a list."""

    id: int
    code: str
    parent_id: int | None
    level: OrganisationLevel
    kind: OrganisationKind
    name: str
    district_code: str | None = Field(description="区局编号")
    central_enterprise: bool = Field(description="央企（补贴标准不同）")
    credit_code: str | None = Field(description="统一社会信用代码")


class Above(BaseModel):
    """An organisation above, as much as those below may see of it."""

    id: int
    name: str
    level: OrganisationLevel


class OrganisationDetail(OrganisationRow):
    """One organisation with its head and what is above it (G19 27)."""

    head_name: str | None = Field(description="工会负责人")
    head_phone: str | None = Field(description="负责人电话")
    superior: Above | None = Field(description="直属上级工会")
    first_level: Above | None = Field(description="一级工会（区局）")


class Filters:
    """Dependency: the filters of the list."""

    def __init__(
        self,
        name: Annotated[Text | None, Query(description="名称包含")] = None,
        code: Annotated[Text | None, Query(description="组织编码")] = None,
        credit_code: Annotated[Text | None, Query(description="统一社会信用代码")] = None,
        level: OrganisationLevel | None = None,
        kind: OrganisationKind | None = None,
        district_code: Annotated[str | None, Query(pattern=r"^[0-9]{3}$", examples=["363"])] = None,
        parent_id: Annotated[Id | None, Query(description="直属上级")] = None,
    ) -> None:
        c = ORGANISATIONS.c
        equal = {
            c.code: code,
            c.credit_code: credit_code,
            c.level: level,
            c.kind: kind,
            c.district_code: district_code,
            c.parent_id: parent_id,
        }
        self.where: list[sa.ColumnElement[bool]] = [column == value for column, value in equal.items() if value]
        if name:
            self.where.append(c.name.contains(name, autoescape=True))


@router.get("", summary="组织列表")
async def list_organisations(
    request: Request,
    principal: Annotated[Principal, Depends(Allow(*STAFF))],
    paging: Paging,
    filters: Annotated[Filters, Depends()],
) -> Page[OrganisationRow]:
    """Organisations in the caller's scope: its own and all below."""
    context: Context = request.app.state.context
    key = paging.key(int)
    async with reading(context.engine) as conn:
        scope = await scope_of(conn, ORGANISATIONS, principal)
        rows = await store.page(conn, scope, filters.where, key[0] if key else 0, paging.limit + 1)
        total = await store.count(conn, scope, filters.where) if key is None else None
    return Page(
        items=[OrganisationRow.model_validate(dict(row)) for row in rows[: paging.limit]],
        next=cursor_after(rows, paging.limit, lambda row: [row["id"]]),
        total=total,
    )


@router.get("/{organisation_id}", summary="组织详情")
async def get_organisation(
    request: Request, principal: Annotated[Principal, Depends(Allow(*STAFF))], organisation_id: PathId
) -> OrganisationDetail:
    """One organisation in the caller's scope, with its direct superior and its first-level union."""
    context: Context = request.app.state.context
    async with reading(context.engine) as conn:
        scope = await scope_of(conn, ORGANISATIONS, principal)
        row = await store.find(conn, scope, organisation_id)
        if row is None:
            raise not_found("该组织")
        above = [Above(id=id_, name=name, level=level) for id_, name, level in await store.superiors(conn, row["path"])]
    cipher = context.keys.field_cipher()
    fields: dict[str, Any] = dict(row)
    for field in ("head_name", "head_phone"):
        sealed = row[f"{field}_enc"]
        fields[field] = cipher.decrypt(field, row["code"], sealed) if sealed else None
    district = [one for one in above if one.level is OrganisationLevel.DISTRICT]
    return OrganisationDetail.model_validate(
        fields | {"superior": above[-1] if above else None, "first_level": district[0] if district else None}
    )
