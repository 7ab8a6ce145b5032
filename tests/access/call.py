"""What is sent to an endpoint, and what its answer tells."""

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.city import DISTRICT_NAME, City
from unioncard import signatures

Endpoint = tuple[str, str, str]
Touched = Callable[[City, httpx.Response], bool]

#: An id that nothing has.
NOBODY = 2**62
#: What a partner's call carries that nobody has signed.
UNSIGNED = {signatures.HEADER: "t=1,v1=" + "0" * 64}


def text_of(answer: httpx.Response) -> str:
    """The text of an answer, of a sheet too."""
    if not answer.content.startswith(b"PK"):
        return answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as sheet:
        return "".join(sheet.read(name).decode() for name in sheet.namelist() if name.endswith(".xml"))


def shown(city: City, answer: httpx.Response) -> bool:
    """Whether the answer names the union, its members, its batches or its check, also inside a sheet."""
    text = text_of(answer)
    return any(word in text for word in city.private_words())


def of_district(_: City, answer: httpx.Response) -> bool:
    """Whether the answer names the union's district, also inside a sheet."""
    return DISTRICT_NAME in text_of(answer)


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent. ``touched`` tells from the answer whether anything of the union's was shown or changed; None
    where the answer has nothing of any union's, so that "yes" is all there is to expect."""

    body: Any = None
    form: Mapping[str, str] | None = None
    files: Mapping[str, tuple[str, bytes]] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    touched: Touched | None = None
