"""The return address of a command: which try of which activity waits for the answer."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Self

from unioncard.messaging.envelope import MalformedMessage


@dataclass(frozen=True, slots=True)
class ReplyAddress:
    """Travels as ``replyto``, opaque to services.

    The ids find the activity whichever try is running: any try's success or refusal counts. The token belongs to one
    try, so Temporal refuses a failure that an earlier try has earned.
    """

    workflow_id: str
    run_id: str
    activity_id: str
    attempt: int
    token: bytes

    def encode(self) -> str:
        """base64url of JSON, without padding."""
        fields = {
            "workflow": self.workflow_id,
            "run": self.run_id,
            "activity": self.activity_id,
            "attempt": self.attempt,
            "token": base64.b64encode(self.token).decode(),
        }
        return base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str | None) -> Self:
        """The address in ``replyto``, or :class:`MalformedMessage`."""
        try:
            raw = json.loads(base64.urlsafe_b64decode((text or "") + "=" * (-len(text or "") % 4)))
            return cls(
                str(raw["workflow"]),
                str(raw["run"]),
                str(raw["activity"]),
                int(raw["attempt"]),
                base64.b64decode(raw["token"], validate=True),
            )
        except (ValueError, KeyError, TypeError, binascii.Error):
            raise MalformedMessage("replyto: no address of ours") from None
