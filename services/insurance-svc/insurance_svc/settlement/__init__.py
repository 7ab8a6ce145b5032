"""清算: what a year gave back to each district, or left short."""
