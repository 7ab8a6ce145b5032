"""Items as staff see them."""

from typing import Any

from member_svc.imports.columns import Field
from member_svc.imports.models import FieldChange, ItemView
from member_svc.members.masking import shown
from member_svc.members.sealing import ENCRYPTED, Sealing
from member_svc.metadata import Row
from unioncard.documents import mask_document

_FIELD_OF = {column: field for field, column in ENCRYPTED.items()}
_ORDER = [field.value for field in Field]
_HASHES = ("name_hash", "document_hash")


def item_view(row: Row, sealing: Sealing) -> ItemView:
    """A row of the items table, opened and masked."""
    member_id = row["member_id"]
    plain = sealing.open(member_id, {name: row[name] for name in ("name_enc", "document_enc")})
    before, after = _opened(row["before"], member_id, sealing), _opened(row["changes"], member_id, sealing)
    return ItemView(
        line=row["line"],
        member_id=member_id,
        kind=row["kind"],
        state=row["state"],
        name=plain["name"],
        document_number=mask_document(plain["document_number"]),
        changes=[
            FieldChange(field=field, before=shown(field, before.get(field)), after=shown(field, value))
            for field, value in sorted(after.items(), key=lambda one: _ORDER.index(one[0]))
        ],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        reason=row["reason"],
    )


def _opened(columns: dict[str, Any], member_id: int, sealing: Sealing) -> dict[str, Any]:
    plain: dict[str, Any] = {_FIELD_OF.get(name, name): value for name, value in columns.items() if name not in _HASHES}
    return plain | sealing.open(member_id, columns)
