"""A command that does nothing but come back, on the platform's real crossings and bare."""
