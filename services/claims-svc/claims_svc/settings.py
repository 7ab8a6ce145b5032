"""Settings of claims-svc beside the common ones."""

from pathlib import Path

from pydantic import Field

from unioncard.settings import Settings


class ClaimsSettings(Settings):
    """Where papers are kept, who pays, and the domain's own settings."""

    port: int = Field(18004, ge=1, le=65535, examples=[18004], description="port that HTTP listens on")
    sandbox_url: str = Field(
        "http://127.0.0.1:18006",
        pattern=r"^https?://",
        examples=["http://127.0.0.1:18006"],
        description="partner sandbox; stands in for each partner whose own URL is not set",
    )
    bank_url: str | None = Field(None, pattern=r"^https?://", examples=["https://bank.internal/unioncard"])
    partner_timeout_s: float = Field(
        25.0,
        ge=0.1,
        lt=30,  # a dispatched call as a whole has 30 s
        examples=[25],
        description="how long a partner may take to answer one request",
    )
    object_store: str = Field(
        "file:///var/lib/unioncard/objects",
        pattern=r"^(file|s3|memory)://",
        examples=["s3://unioncard-papers", "file:///var/lib/unioncard/objects"],
        description="where papers are kept, encrypted",
    )
    font_paths: list[Path] = Field(
        [],
        examples=['["/usr/share/fonts/hanamin"]'],
        description="folders with further fonts for printing, such as HanaMin for rare characters",
    )
    paper_limit_bytes: int = Field(
        10 * 1024 * 1024, ge=1024, le=20 * 1024 * 1024, examples=[10485760], description="largest paper of a claim"
    )
    papers_days: int = Field(
        30, ge=1, le=366, examples=[30], description="days for missing papers and stamps, then a claim lapses"
    )
    appeal_days: int = Field(60, ge=1, le=366, examples=[60], description="days to appeal against a decision")
    four_eyes_above_fen: int = Field(
        2_000_000, ge=0, examples=[2000000], description="decisions on more than this need a second reviewer"
    )
    decide_by_rule_up_to_fen: int = Field(
        0, ge=0, examples=[2000000], description="complete claims up to this are approved by the rules alone; 0: none"
    )

    @property
    def bank(self) -> str:
        """Root of the bank's API."""
        return (self.bank_url or f"{self.sandbox_url}/bank").rstrip("/")
