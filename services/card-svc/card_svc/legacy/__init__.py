"""Cards of the previous system."""
