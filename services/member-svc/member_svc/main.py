"""The service: organisations, accounts, members, imports and approvals."""

import asyncio
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI

from member_svc.accounts import api as accounts
from member_svc.accounts import store as accounts_store
from member_svc.accounts.login import Login
from member_svc.accounts.tokens import Signer, own_jwks
from member_svc.approvals import api as approvals
from member_svc.audit import api as audit
from member_svc.cards.handlers import follow_cards
from member_svc.imports import api as imports
from member_svc.imports import single_api as single
from member_svc.imports.workbook import WorkbookReader
from member_svc.members import api as members
from member_svc.members.sealing import Sealing
from member_svc.organisations import api as organisations
from member_svc.reconciliation import api as reconciliation
from member_svc.transfer_outs import api as transfer_outs
from unioncard.auth import TokenCheck
from unioncard.contracts.cards import CardsChanged
from unioncard.messaging.handling import Handlers
from unioncard.service import Context, Parts, lifespan_of
from unioncard.web.app import make_app

DESCRIPTION = "组织、账号、会员、批量导入、审核与转出。"
ROUTERS = (
    accounts.router,
    organisations.router,
    approvals.router,
    imports.router,
    single.router,
    members.router,
    transfer_outs.router,
    audit.router,
    reconciliation.router,
)


def build(context: Context) -> Parts:
    """What runs besides HTTP."""
    return Parts(
        tokens=TokenCheck(own_jwks(context.keys)),
        handlers=Handlers(events={CardsChanged: follow_cards}, commands={}),
        background=(lambda: _forget_attempts(context),),
    )


def application(context: Context) -> FastAPI:
    """The FastAPI application on this context."""
    app = make_app("member-svc", DESCRIPTION, lifespan_of(context, build))
    app.state.login = Login(context)
    app.state.signer = Signer(context.keys)
    app.state.sealing = Sealing.of(context.keys)
    app.state.sealer = context.keys.transport_sealer()
    app.state.reader = WorkbookReader()
    for router in ROUTERS:
        app.include_router(router)
    return app


async def _forget_attempts(context: Context) -> None:
    """Once an hour, forget wrong logins of yesterday: they lock nobody any more."""
    while True:
        async with context.engine.begin() as conn:
            await accounts_store.purge_attempts(conn, datetime.now(UTC) - timedelta(days=1))
        await asyncio.sleep(3600)
