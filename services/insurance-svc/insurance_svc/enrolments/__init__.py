"""参保名单: what unions submit."""
