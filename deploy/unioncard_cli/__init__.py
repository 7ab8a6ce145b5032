"""The ``unioncard`` command line and the local stack it runs: PostgreSQL, Kafka, Temporal and our own processes."""
