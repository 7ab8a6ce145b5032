"""What goes over the wire between insurance-svc and the mail partner."""

from datetime import datetime
from typing import Annotated

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field


class Attachment(BaseModel):
    """A file that goes with a message."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    media_type: Annotated[str, Field(min_length=1, max_length=200)]
    content: Annotated[Base64Bytes, Field(max_length=20 * 1024 * 1024)]


class Mail(BaseModel):
    """One message to one address."""

    model_config = ConfigDict(hide_input_in_errors=True)

    to: Annotated[str, Field(min_length=3, max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")]
    subject: Annotated[str, Field(min_length=1, max_length=500)]
    text: Annotated[str, Field(max_length=20_000)]
    attachments: Annotated[list[Attachment], Field(max_length=10)] = []


class Taken(BaseModel):
    """The message is on its way."""

    key: str
    taken_at: datetime
