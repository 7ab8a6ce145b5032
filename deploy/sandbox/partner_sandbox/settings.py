"""Settings of the sandbox, from the environment (``UNIONCARD_…``)."""

import sys
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from partner_sandbox.behaviour import Behaviour


class Settings(BaseSettings):
    """What the sandbox reads; nothing else of the platform's settings concerns it."""

    model_config = SettingsConfigDict(env_prefix="UNIONCARD_", extra="ignore", hide_input_in_errors=True)

    host: str = Field("127.0.0.1", examples=["127.0.0.1"])
    port: int = Field(18006, ge=1, le=65535, examples=[18006])
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", examples=["INFO"])
    keys_file: Path = Field(Path("keys.json"), examples=["/etc/unioncard/keys/sandbox.json"])
    card_url: str = Field("http://127.0.0.1:18002", pattern=r"^https?://", examples=["http://127.0.0.1:18002"])
    claims_url: str = Field("http://127.0.0.1:18004", pattern=r"^https?://", examples=["http://127.0.0.1:18004"])
    sandbox_store: Path = Field(Path("sandbox.sqlite"), examples=["/var/lib/unioncard/sandbox.sqlite"])
    sandbox_behaviour: Behaviour = Field(Behaviour(), examples=['{"bank":{"error_rate":0.1}}'])
    clock_segments: Path | None = Field(None, examples=["/var/lib/unioncard/clock.json"])


def settings_or_exit() -> Settings:
    """The settings; a wrong one ends the process with its name and an example, exit code 2."""
    try:
        return Settings()
    except ValidationError as error:
        sys.stderr.write("cannot start: wrong settings\n")
        for problem in error.errors():
            name = str(problem["loc"][0])
            field = Settings.model_fields.get(name)
            example = field.examples[0] if field and field.examples else ""
            where = ".".join(map(str, problem["loc"][1:]))
            sys.stderr.write(
                f"  UNIONCARD_{name.upper()}{' ' + where if where else ''}: {problem['msg']}; "
                f"for example UNIONCARD_{name.upper()}={example}\n"
            )
        raise SystemExit(2) from None
