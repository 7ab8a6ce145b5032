"""The contracts: what each message carries, versioned by its type name.

A contract is a pydantic model with a ``TYPE`` and a ``TOPIC``. Importing this package registers all of them, so that
readers can find a model by the type in the envelope and the documents in ``docs/`` can be generated from one place.
"""

from unioncard.contracts import cards, claims, cover, insurance, members, payees, replies
from unioncard.contracts.model import REGISTRY, Command, Contract, Event, Reply, contract_of, product_contracts

__all__ = [
    "REGISTRY",
    "Command",
    "Contract",
    "Event",
    "Reply",
    "cards",
    "claims",
    "contract_of",
    "cover",
    "insurance",
    "members",
    "payees",
    "product_contracts",
    "replies",
]
