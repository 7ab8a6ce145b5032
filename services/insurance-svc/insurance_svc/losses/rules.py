"""How a year's claims compare with its premiums (赔付率)."""

from decimal import ROUND_HALF_UP, Decimal


def loss_ratio(losses_fen: int, premiums_fen: int) -> str | None:
    """Payouts in percent of premiums, two decimals: 41600 of 260000 → ``16.00``; None without premiums."""
    if not premiums_fen:
        return None
    percent = Decimal(losses_fen) * 100 / Decimal(premiums_fen)
    return str(percent.quantize(Decimal("0.01"), ROUND_HALF_UP))
