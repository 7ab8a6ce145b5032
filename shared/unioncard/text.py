"""Text as people type it into sheets: full-width characters, stray spaces, and the error they all lead to."""

import re

# U+FF01…U+FF5E are the full-width twins of ASCII ! … ~, U+3000 the full-width space. NFKC would do more than that
# (superscripts become digits), and so hide what is wrong.
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_SPACES = re.compile(r"[\s\u00a0\u200b-\u200d\u2060\ufeff]+")


class InvalidValue(ValueError):
    """What a person wrote cannot be taken. Never contains the value itself, so it may be logged.

    ``code`` is stable, for programs; ``reason_zh`` says what is wrong and ``remedy_zh`` how to mend it, for staff.
    """

    def __init__(self, code: str, reason_zh: str, remedy_zh: str) -> None:
        super().__init__(code)
        self.code = code
        self.reason_zh = reason_zh
        self.remedy_zh = remedy_zh


def half_width(text: str) -> str:
    """Full-width letters, digits, signs and spaces (全角) as their ordinary ASCII twins."""
    return text.translate(_HALF_WIDTH)


def without_spaces(text: str) -> str:
    """The text without any white space, also the invisible kinds that copying from web pages brings."""
    return _SPACES.sub("", text)


def single_spaces(text: str) -> str:
    """Trimmed, with runs of white space made one ordinary space."""
    return _SPACES.sub(" ", text).strip()
