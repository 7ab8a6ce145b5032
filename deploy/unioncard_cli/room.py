"""Is there room for what a stack writes?"""

import os
import shutil
from pathlib import Path

from unioncard_cli.place import StackError

GIB = 1024**3
NEEDED = 2 * GIB


def check(name: str, folder: Path) -> str:
    """How much is free, in words; :class:`StackError` where the folder (``state`` or ``cache``) has too little."""
    there = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))
    free = shutil.disk_usage(there).free
    text = f"{folder}: {free / GIB:.1f} GiB free"
    elsewhere = f"choose another folder: UNIONCARD_{name.upper()}=/path"
    if not os.access(there, os.W_OK):
        raise StackError(f"{folder} cannot be written", elsewhere)
    if free < NEEDED:
        raise StackError(text, f"make {NEEDED // GIB} GiB free, or {elsewhere}")
    return text
