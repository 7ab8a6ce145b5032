"""What claims come to, by district, class, benefit and year."""
