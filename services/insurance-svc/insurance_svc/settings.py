"""Settings of insurance-svc beside the common ones."""

from pathlib import Path

from pydantic import Field

from unioncard.settings import Settings


class InsuranceSettings(Settings):
    """Where papers are kept, who carries the mail, and the domain's own settings."""

    port: int = Field(18003, ge=1, le=65535, examples=[18003], description="port that HTTP listens on")
    sandbox_url: str = Field(
        "http://127.0.0.1:18006",
        pattern=r"^https?://",
        examples=["http://127.0.0.1:18006"],
        description="partner sandbox; stands in for each partner whose own URL is not set",
    )
    mail_url: str | None = Field(None, pattern=r"^https?://", examples=["https://mail.internal/unioncard"])
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
        description="where vouchers are kept",
    )
    font_paths: list[Path] = Field(
        [],
        examples=['["/usr/share/fonts/hanamin"]'],
        description="folders with further fonts for printing, such as HanaMin for rare characters",
    )
    just_issued_days: int = Field(
        30, ge=1, le=366, examples=[30], description="a card number is newly issued (新办卡) for so many days"
    )
    instant_payment_days: int = Field(
        30, ge=1, le=366, examples=[30], description="instant batches are due so many days after the centre passed them"
    )
    exclusion_check_hours: int = Field(
        24,
        ge=0,
        le=720,
        examples=[24],
        description="so many hours a batch waits for the population office; then the centre may pass it unchecked",
    )
    voucher_limit_bytes: int = Field(
        10 * 1024 * 1024, ge=1024, le=50 * 1024 * 1024, examples=[10485760], description="largest voucher"
    )

    @property
    def mail(self) -> str:
        """Root of the mail partner's API."""
        return (self.mail_url or f"{self.sandbox_url}/mail").rstrip("/")
