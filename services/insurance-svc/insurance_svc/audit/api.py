"""The audit log over HTTP."""

from insurance_svc.metadata import AUDIT_LOG, ORGANISATIONS
from unioncard.web.audit_log import audit_router

router = audit_router(AUDIT_LOG, ORGANISATIONS, "batch:CB201912280001")
