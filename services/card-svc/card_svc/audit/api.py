"""The audit log over HTTP."""

from card_svc.metadata import AUDIT_LOG, ORGANISATIONS
from unioncard.web.audit_log import audit_router

router = audit_router(AUDIT_LOG, ORGANISATIONS, "batch:cbc363202404291502")
