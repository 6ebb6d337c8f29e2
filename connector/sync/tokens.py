"""Client tokens, derived and not drawn: whoever shares the same record for the same time says the same word to AWS.

A second worker, or one that lost its state, then collides at AWS instead of creating a duplicate.
"""

from __future__ import annotations

from uuid import UUID, uuid5

# The name space of this connector's tokens; changing it would un-derive every token ever used.
NAMESPACE = UUID("6f1c2f0e-5d0f-5e0b-9a53-0b0a2a1f7c11")


def create_token(org_id: str, record_id: str, catalog: str, generation: int) -> str:
    """Return the ClientToken for CreateOpportunity of this record, in its ``generation``-th attempt after a definite
    refusal.
    """
    return str(uuid5(NAMESPACE, f"create:{org_id}:{record_id}:{catalog}:{generation}"))


def submit_token(org_id: str, record_id: str, opportunity_id: str, generation: int) -> str:
    """Return the ClientToken for the submission task of this opportunity; a FAILED task replays under its old token."""
    return str(uuid5(NAMESPACE, f"submit:{org_id}:{record_id}:{opportunity_id}:{generation}"))


def accept_token(org_id: str, invitation_id: str, catalog: str, generation: int) -> str:
    """Return the ClientToken for the task that accepts this referral; a FAILED task replays under its old token."""
    return str(uuid5(NAMESPACE, f"accept:{org_id}:{invitation_id}:{catalog}:{generation}"))
