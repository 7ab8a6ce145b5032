"""The one-shot jobs of ``docker-compose.yml``: secrets into volumes, Kafka's access list, Temporal's namespace."""
