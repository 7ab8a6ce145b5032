"""Members as member-svc tells them."""
