"""A small picture that stands in for the photo of a bank slip."""

import struct
import zlib

_WIDTH, _HEIGHT = 64, 40


def png(seed: int) -> bytes:
    """A real PNG of one colour; another seed gives another picture."""
    colour = bytes((seed * 37 % 256, seed * 101 % 256, 160))
    rows = (b"\x00" + colour * _WIDTH) * _HEIGHT
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
