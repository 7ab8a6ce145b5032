"""Files that staff save."""

from fastapi import Response

from unioncard.sheets import XLSX


def workbook(content: bytes, name: str) -> Response:
    """An Excel file to be saved under ``name``, never shown in the page."""
    return Response(content, media_type=XLSX, headers={"Content-Disposition": f'attachment; filename="{name}"'})
