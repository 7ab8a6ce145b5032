"""Settings of card-svc beside the common ones."""

from datetime import date
from pathlib import Path

from pydantic import Field

from unioncard.settings import Settings


class CardSettings(Settings):
    """Where the partners are, and what the printed papers need."""

    port: int = Field(18002, ge=1, le=65535, examples=[18002], description="port that HTTP listens on")
    sandbox_url: str = Field(
        "http://127.0.0.1:18006",
        pattern=r"^https?://",
        examples=["http://127.0.0.1:18006"],
        description="partner sandbox; stands in for each partner whose own URL is not set",
    )
    bank_url: str | None = Field(None, pattern=r"^https?://", examples=["https://bank.internal/unioncard"])
    population_url: str | None = Field(None, pattern=r"^https?://", examples=["https://population.internal"])
    social_security_url: str | None = Field(None, pattern=r"^https?://", examples=["https://social-security.internal"])
    partner_timeout_s: float = Field(
        25.0,
        ge=0.1,
        lt=30,  # a dispatched call as a whole has 30 s
        examples=[25],
        description="how long a partner may take to answer one request",
    )
    font_paths: list[Path] = Field(
        [],
        examples=['["/usr/share/fonts/hanamin"]'],
        description="folders with further fonts for printing, such as HanaMin for rare characters",
    )
    identity_copies_end_on: date | None = Field(
        None,
        examples=["2027-01-01"],
        description="from this day on the bank no longer wants copies of members' identity papers (G19 44)",
    )

    @property
    def bank(self) -> str:
        """Root of the bank's API."""
        return (self.bank_url or f"{self.sandbox_url}/bank").rstrip("/")

    @property
    def population(self) -> str:
        """Root of the population office's API."""
        return (self.population_url or f"{self.sandbox_url}/population").rstrip("/")

    @property
    def social_security(self) -> str:
        """Root of the social-security office's API."""
        return (self.social_security_url or f"{self.sandbox_url}/social-security").rstrip("/")
