"""Starts the reader process and waits for it, a limited time."""

import asyncio
import json
import sys
from typing import Any

import structlog

log = structlog.get_logger()

READ_LIMIT_S = 30.0


async def ask_reader(data: bytes, limit: int) -> dict[str, Any]:
    """What :mod:`unioncard.spreadsheets.reader` says of a file: ``{"header": …, "rows": [[line, cells]], "count": …}``.

    At most ``limit`` rows, with the count of all; or ``{"refused": code, "where": cells}``.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "unioncard.spreadsheets.reader",
        str(limit),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(data), READ_LIMIT_S)
        answer: dict[str, Any] = json.loads(out)
        return answer
    except (TimeoutError, ValueError):
        log.warning("spreadsheet.reader_failed", code=process.returncode, bytes=len(data))
        return {"refused": "broken", "where": []}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
