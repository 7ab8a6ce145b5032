"""HTTP, made the same way in every service."""
