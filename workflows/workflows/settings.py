"""Settings of the workflow worker, beside those that every process reads."""

from importlib.metadata import version

from pydantic import Field

from unioncard.settings import Settings

#: Where workflows and commands wait for a worker. One queue: the work is all of one kind, short and waiting for others.
TASK_QUEUE = "unioncard"


class WorkflowsSettings(Settings):
    """What the process ``python -m workflows`` reads."""

    port: int = Field(18005, ge=1, le=65535, examples=[18005], description="port of /healthz and /metrics")
    command_timeout_s: float = Field(
        300.0,
        ge=1,
        examples=[300],
        description="how long an answer to a command may take before the command is sent again; above any backlog",
    )
    worker_build: str = Field(
        version("unioncard-workflows"),
        min_length=1,
        examples=["1.4.0"],
        description="build id of this worker: running workflows move to the build that is current",
    )
    worker_promote: bool = Field(
        True,
        examples=[False],
        description="make this build the current one at start; off where a deployment decides that",
    )
    worker_metrics: str | None = Field(
        None, examples=["127.0.0.1:18016"], description="host:port where Temporal's own client metrics are served"
    )
