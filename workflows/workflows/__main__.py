"""``python -m workflows``: worker, bridge and reply consumer, with /healthz and /metrics."""

from unioncard.service import serve
from unioncard.settings import settings_or_exit
from unioncard.telemetry import start_telemetry
from workflows.process import application
from workflows.settings import WorkflowsSettings


def main() -> None:
    """Run until told to stop."""
    settings = settings_or_exit(WorkflowsSettings)
    start_telemetry("workflows", settings)
    serve(application(settings), settings)


# The workflow sandbox imports modules again: without this line it would start a second process.
if __name__ == "__main__":
    main()
