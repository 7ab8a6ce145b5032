"""``python -m partner_sandbox``: serve until told to stop."""

import sys

import uvicorn

from partner_sandbox.counter import ResettableProtocol
from partner_sandbox.main import create_app
from partner_sandbox.settings import settings_or_exit
from unioncard.keys import KeysError, load_keys
from unioncard.telemetry import configure_logging


def main() -> None:
    """Read the settings and serve."""
    settings = settings_or_exit()
    try:
        keys = load_keys(settings.keys_file)
        keys.partner_secret("bank")
    except KeysError as error:
        sys.stderr.write(f"cannot start: {error}\n")
        raise SystemExit(2) from None
    configure_logging("partner-sandbox", settings.log_level)
    uvicorn.run(
        create_app(settings, keys),
        host=settings.host,
        port=settings.port,
        http=ResettableProtocol,
        access_log=False,
        log_config=None,
        # Answers held back by a time-out must not hold back the end of the process.
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
