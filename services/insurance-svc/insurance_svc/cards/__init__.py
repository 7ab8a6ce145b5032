"""Card states as card-svc tells them."""
