"""A season at speed: the rehearsal clock, who does what in it, and the report."""
