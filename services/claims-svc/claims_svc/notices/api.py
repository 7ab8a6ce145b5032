"""Notices over HTTP."""

from claims_svc.notices.tables import BOARD
from claims_svc.service import VIEWERS
from unioncard.web.notices import notice_router

router = notice_router(BOARD, VIEWERS)
