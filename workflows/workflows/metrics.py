"""What an operator would want to count about the crossings between Kafka and Temporal."""

from prometheus_client import Counter

commands_sent = Counter("commands_sent_total", "Commands sent for workflows, repeats included", ["type"])
replies = Counter(
    "replies_total",
    "Answers to commands brought to their workflows; 'gone' were late or repeats and changed nothing",
    ["kind", "outcome"],
)
bridge_events = Counter(
    "bridge_events_total",
    "Events brought to workflows: started, signalled, repeat (there already), too late (ended already), or outdated "
    "(a newer one of the same batch says it all)",
    ["type", "outcome"],
)
