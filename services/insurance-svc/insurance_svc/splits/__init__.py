"""基层缴费设置: how district and union share what the subsidy leaves."""
