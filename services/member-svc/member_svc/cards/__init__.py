"""Card states as card-svc tells them: a read model."""
