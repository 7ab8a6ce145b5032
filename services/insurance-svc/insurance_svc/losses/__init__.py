"""What claims cost: payouts of claims-svc by district, year, class and benefit."""
