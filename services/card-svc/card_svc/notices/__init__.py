"""Notices to operators (消息提醒)."""
