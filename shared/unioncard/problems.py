"""Problem details (RFC 9457): what a caller did wrong, in Chinese, and what to do about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

PROBLEM_JSON = "application/problem+json"
TYPE_ROOT = "urn:unioncard:problem:"


class RowError(BaseModel):
    """One bad row of an uploaded sheet or list, as staff see it."""

    line: int = Field(description="行号: the sheet's own line number, headers are line 1")
    name: str = Field(description="姓名 as it stands in the row")
    number: str = Field(description="证件号码, masked")
    field: str = Field(description="the column at fault, by its header")
    reason: str = Field(description="what is wrong, in Chinese")
    remedy: str = Field(description="how to mend it, in Chinese")


class ProblemDocument(BaseModel):
    """The body of every refusal (``application/problem+json``)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="stable URN of the kind of problem")
    title: str = Field(description="in Chinese, what the operator can act on")
    status: int
    detail: str | None = None
    instance: str | None = None
    rows: list[RowError] | None = Field(None, description="every bad row, where a file or list was sent")


class Problem(Exception):
    """Raised anywhere below an endpoint; the edge turns it into a problem document and nothing is changed."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str | None = None,
        *,
        rows: Sequence[RowError] | None = None,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.rows = list(rows) if rows is not None else None
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    def document(self, instance: str | None = None) -> ProblemDocument:
        """The problem as it goes over the wire."""
        return ProblemDocument(
            type=TYPE_ROOT + self.code,
            title=self.title,
            status=self.status,
            detail=self.detail,
            instance=instance,
            rows=self.rows,
            **self.extra,
        )


def not_found(what: str) -> Problem:
    """404 for what does not exist *or* lies outside the caller's tree: the two must not be told apart."""
    return Problem(404, "not-found", f"没有找到{what}", "请核对编号；如确认无误，它可能不在您的管理范围内。")


def conflict(code: str, title: str, detail: str | None = None, **extra: Any) -> Problem:
    """409: the request is sound but the thing is not in a state that allows it."""
    return Problem(409, code, title, detail, extra=extra)


def invalid(code: str, title: str, detail: str | None = None, **extra: Any) -> Problem:
    """422: the content of the request is wrong; detail says how to mend it."""
    return Problem(422, code, title, detail, extra=extra)
