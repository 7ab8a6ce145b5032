"""The card log (办卡日志): every step of a member's card, append-only."""
