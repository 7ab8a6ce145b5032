"""The to-do list (待办会员列表)."""
