"""Notices over HTTP."""

from insurance_svc.notices.tables import BOARD
from insurance_svc.service import VIEWERS
from unioncard.web.notices import notice_router

router = notice_router(BOARD, VIEWERS)
