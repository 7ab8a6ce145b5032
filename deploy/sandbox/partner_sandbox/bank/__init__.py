"""The card-making bank (上海农商银行): batches in, answers out by callback and by nightly state file."""
