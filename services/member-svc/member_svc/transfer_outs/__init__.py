"""Transfer-out (会员转出, 批量转出): a union lets members go; they stay in the system without a union (domain 3)."""
