"""Which illnesses are paid for, by coverage year and class."""
