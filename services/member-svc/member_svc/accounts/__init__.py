"""Who may log in, and the signed tokens they get."""
