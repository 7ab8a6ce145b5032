"""Cards: the to-do list, system checks, batches, the exchange with the bank, and pickup (会员服务卡办理)."""
