"""Members as member-svc tells of them: a read model, encrypted under keys of our own."""
