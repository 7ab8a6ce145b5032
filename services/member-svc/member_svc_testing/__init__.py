"""What this service's tests share: rosters of nobody, and the service as its callers meet it."""
