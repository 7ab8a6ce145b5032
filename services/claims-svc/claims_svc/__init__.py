"""Claims (给付): filing, papers, stamps, adjudication, payouts."""
