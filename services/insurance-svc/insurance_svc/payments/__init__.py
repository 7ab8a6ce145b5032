"""Money that came: from unions, and on the centre's account."""
