"""Papers as PDF, set by typst with fonts that have every character. Blocking: run it in a thread.

Only services that print import this; the typesetter and its fonts are their dependencies.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
import typst
from fontTools.ttLib import TTCollection, TTFont

from unioncard.problems import Problem

PDF = "application/pdf"

_NOTO = "Noto Sans CJK SC"
_NOTO_FILE = Path(str(files("noto_cjk_sans_otc"))) / "NotoSansCJK-Regular.ttc"
_LEARNING = Lock()
_FONT_FILES = (".ttf", ".otf", ".ttc", ".otc")


def typeset(template: Path, data: dict[str, Any], font_paths: Sequence[Path], paper: str) -> bytes:
    """The PDF that ``template`` makes of ``data``, given to it as JSON with the needed ``fonts`` added.

    A problem (409) names each character no installed font can print; ``paper`` says in Chinese where it stands.
    """
    folders = tuple(str(path) for path in font_paths)
    # What is learnt of fonts is big: two papers at once must not learn it twice.
    with _LEARNING:
        fonts = _needed_fonts(_texts(data), _fonts_in(folders), paper)
        opened = _opened(folders)
    pdf: bytes = typst.compile(
        template.read_bytes(),
        font_paths=opened,
        ignore_system_fonts=True,
        sys_inputs={"data": orjson.dumps(data | {"fonts": fonts}).decode()},
    )
    return pdf


def _texts(data: Any) -> Iterable[str]:
    """Every string in ``data``, whatever lists and objects it lies in."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, (list, tuple)):
        for value in data:
            yield from _texts(value)


def _needed_fonts(texts: Iterable[str], further: dict[str, frozenset[int]], paper: str) -> list[str]:
    """Noto first, then whichever font has what it lacks; a typesetter would print an empty box and say nothing."""
    lacking = {ord(character) for text in texts for character in text} - _noto_characters()
    fonts = [_NOTO]
    for family, characters in further.items():
        if lacking & characters:
            fonts.append(family)
            lacking -= characters
    if lacking:
        named = "、".join(f"“{chr(code)}”（U+{code:04X}）" for code in sorted(lacking)[:20])
        raise Problem(
            409,
            "unprintable-character",
            f"{paper}中有无法打印的字：{named}",
            "请系统管理员安装含有这些字的字体（如 HanaMin），并将其所在文件夹加入设置 UNIONCARD_FONT_PATHS 后重试。",
        )
    return fonts


@lru_cache(maxsize=1)
def _noto_characters() -> frozenset[int]:
    # The file holds ten families, and to read one takes 30 MB.
    fonts = TTCollection(str(_NOTO_FILE), lazy=True).fonts
    return _characters([font for font in fonts if font["name"].getBestFamilyName() == _NOTO])[_NOTO]


@lru_cache(maxsize=8)
def _opened(folders: tuple[str, ...]) -> typst.Fonts:
    """Noto and the fonts in these folders. To open them for every paper took thirty times as long as the paper."""
    return typst.Fonts(include_system_fonts=False, font_paths=[str(_NOTO_FILE.parent), *folders])


@lru_cache(maxsize=8)
def _fonts_in(folders: tuple[str, ...]) -> dict[str, frozenset[int]]:
    """The fonts in these folders by family, in the order of their files' names."""
    found: dict[str, frozenset[int]] = {}
    for folder in folders:
        for file in sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in _FONT_FILES):
            collection = file.suffix.lower() in (".ttc", ".otc")
            fonts = TTCollection(str(file), lazy=True).fonts if collection else [TTFont(str(file), lazy=True)]
            found |= _characters(fonts)
    # A font that the typesetter does not take, or knows by another name, prints nothing: then it is none.
    usable = set(typst.Fonts(include_system_fonts=False, font_paths=list(folders)).families())
    return {family: characters for family, characters in found.items() if family in usable}


def _characters(fonts: Sequence[Any]) -> dict[str, frozenset[int]]:
    """Which characters each family has."""
    return {font["name"].getBestFamilyName(): frozenset(font.getBestCmap() or {}) for font in fonts}
