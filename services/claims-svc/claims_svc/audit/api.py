"""The audit log over HTTP."""

from claims_svc.metadata import AUDIT_LOG, ORGANISATIONS
from unioncard.web.audit_log import audit_router

router = audit_router(AUDIT_LOG, ORGANISATIONS, "claim:GF36320200310000001")
