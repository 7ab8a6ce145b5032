"""Later."""

from bench.ground import Ground
from bench.results import Row


async def measure(ground: Ground) -> list[Row]:
    return []
