"""Everything that waits: workflow definitions, the bridge to Kafka, schedules and workers."""
