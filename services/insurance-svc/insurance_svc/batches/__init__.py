"""参保批次: what districts submit to the centre."""
