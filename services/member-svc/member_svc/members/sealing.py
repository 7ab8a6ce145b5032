"""What is stored of a person: which fields are encrypted, how hashes are made, and the way back."""

from dataclasses import dataclass

from member_svc.metadata import Row
from unioncard.crypto import FieldCipher, KeyedHash
from unioncard.documents import DocumentNumber, DocumentType
from unioncard.keys import Keys

# Plain name of the field → column. The plain name is what ciphertexts are bound to, here and in messages.
ENCRYPTED = {
    "name": "name_enc",
    "document_number": "document_enc",
    "mobile": "mobile_enc",
    "address": "address_enc",
}


@dataclass(frozen=True, slots=True)
class Sealing:
    """The keys of the members table."""

    cipher: FieldCipher
    hashes: KeyedHash

    @classmethod
    def of(cls, keys: Keys) -> "Sealing":
        """With this service's keys."""
        return cls(keys.field_cipher(), keys.keyed_hash())

    def encrypt(self, field: str, member_id: int, value: str) -> str:
        """A field's value for its column."""
        return self.cipher.encrypt(field, member_id, value)

    def open(self, member_id: int, row: Row) -> dict[str, str]:
        """The encrypted fields of a row in plain text, as far as the row has them."""
        return {
            field: self.cipher.decrypt(field, member_id, row[column])
            for field, column in ENCRYPTED.items()
            if column in row
        }

    def name_hash(self, name: str) -> str:
        """For equality of normalised names."""
        return self.hashes.hash("name", name)

    def document_hash(self, document: DocumentNumber) -> str:
        """For equality and uniqueness of documents: numbers of different types are different."""
        return self.hash_of_document(document.type.value, document.number)

    def hash_of_document(self, kind: str, number: str) -> str:
        """The same for a number already in its stored form, and the value of its type."""
        return self.hashes.hash("document-number", f"{kind}:{number}")

    def name_hashes(self, name: str) -> list[str]:
        """What a lookup asks for while keys rotate."""
        return self.hashes.all_versions("name", name)

    def document_hashes(self, kind: DocumentType, number: str) -> list[str]:
        """What a lookup asks for while keys rotate."""
        return self.hashes.all_versions("document-number", f"{kind.value}:{number}")
