"""The port of population office (人口办) and social-security office (人保库): how they are asked about people."""

from collections.abc import Sequence
from typing import Any

from card_svc.personal import PersonalData
from unioncard.partner_client import PartnerClient
from unioncard.partners import PartnerDown

PARTNER = "offices"


def people(personal: PersonalData, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Those asked about; names and numbers are opened here and nowhere else. About 30 µs a member."""
    return [
        {
            "ref": row.id,
            "name": personal.name(row.id, row.name),
            "document_number": personal.decrypt("document_number", row.id, row.document_number),
        }
        for row in rows
    ]


def query_id(check_id: str, chunk: int, rows: Sequence[Any]) -> str:
    """The same for the same people with the same data: a second try after somebody left is another question."""
    return f"{check_id}/{chunk}/{len(rows)}-{sum(row.id * 31 + row.version for row in rows) % 2**32:x}"


async def statuses(client: PartnerClient, url: str, query_id: str, people: list[dict[str, Any]]) -> dict[int, str]:
    """What an office says of each; :class:`PartnerDown` where anybody is left out."""
    response = await client.post(url, {"query_id": query_id, "people": people})
    if not response.is_success:
        # The offices refuse no person; a 4xx is a misunderstanding between programs, to be seen and mended.
        raise PartnerDown(f"HTTP {response.status_code}")
    try:
        found = {int(result["ref"]): str(result["status"]) for result in response.json()["results"]}
    except (ValueError, KeyError, TypeError):
        raise PartnerDown("an answer that cannot be read") from None
    if not all(person["ref"] in found for person in people):
        raise PartnerDown("an answer leaves people out")
    return found
