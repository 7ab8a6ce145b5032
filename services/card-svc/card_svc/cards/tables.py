"""The card state of each member."""

import sqlalchemy as sa

from card_svc.metadata import METADATA

CARDS = sa.Table(
    "cards",
    METADATA,
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, comment="counted here, one a change of state"),
    sa.Column("channel", sa.Text, comment="of the last application"),
    sa.Column("applied_at", sa.DateTime(timezone=True), comment="申办时间: put on the to-do list"),
    sa.Column("batch_number", sa.Text, comment="of the last batch"),
    sa.Column("card_number", sa.Text, comment="encrypted"),
    sa.Column("number_end", sa.Text, comment="its last four digits, for readers that may not know the number"),
    sa.Column("card_hash", sa.Text, unique=True),
    sa.Column("issued_at", sa.DateTime(timezone=True)),
    sa.Column("failed_code", sa.Text),
    sa.Column("failed_reason", sa.Text),
    # What the operator completed on the to-do list (完善信息), good for the document it was completed for.
    sa.Column("document_type", sa.Text),
    sa.Column("document_expiry", sa.Date),
    sa.Column("nationality", sa.Text),
    sa.Column("completed_for", sa.Text, comment="hash of the document number"),
    sa.CheckConstraint("state IN ('none', 'to_do', 'in_batch', 'issued', 'failed')", name="cards_state"),
    sa.CheckConstraint("(state = 'issued') = (card_hash IS NOT NULL)", name="cards_issued_with_number"),
    sa.Index("cards_batch", "batch_number"),
)

# With members as m and cards as c: what the operator completed goes before what member-svc knows.
EXPIRY = "CASE WHEN c.completed_for = m.document_hash THEN c.document_expiry ELSE m.document_expiry END"
NATIONALITY = "CASE WHEN c.completed_for = m.document_hash THEN c.nationality ELSE m.nationality END"
DOCUMENT_TYPE = "CASE WHEN c.completed_for = m.document_hash THEN c.document_type ELSE m.document_type END"
COMPLETE = f"(({EXPIRY}) IS NOT NULL AND coalesce({NATIONALITY}, '') <> '' AND coalesce({DOCUMENT_TYPE}, '') <> '')"
