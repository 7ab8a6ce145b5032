"""Notices to organisations, each occasion once; and who has read them."""

from insurance_svc.metadata import METADATA
from unioncard.notices import add_notice_tables

BOARD = add_notice_tables(METADATA)
