"""Enrolment in the basic insurance (会员专享基本保障): rates, calendars, lists, batches, premiums, policies."""
