"""Signs that a claim deserves a second look: shown, never deciding."""
