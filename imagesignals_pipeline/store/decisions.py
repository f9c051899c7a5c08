"""Records what reviewers decide about copies; nothing is ever changed or removed."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Connection

from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline.sql import query

MAX_REVIEWER, MAX_NOTE = 80, 2000
"""Characters; the table holds no more."""
FORBIDDEN = frozenset({"Cc", "Cs", "Co", "Cn"})
"""Kinds of characters that PostgreSQL refuses, or that show as nothing; joiners of Indian scripts
(Cf) stay."""


class Decision(StrEnum):
    """What a reviewer may decide about a copy."""

    SAME_PAYMENT = "same_payment"
    NOT_DUPLICATE = "not_duplicate"
    FOLLOW_UP = "follow_up"


class DecisionRefusedError(OperatorError):
    """A decision cannot be recorded as it is; the text is one sentence for the reviewer."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it was sent; `request_id` is the form's, so that sending it twice counts once.

    `original_id` is the original beside which the reviewer saw the copy, and `copy_sha256` and
    `original_sha256` are the digests of the two files that were seen; b"" where none was known.
    """

    request_id: UUID
    copy_id: UUID
    original_id: UUID
    copy_sha256: bytes
    original_sha256: bytes
    decision: Decision
    reviewer: str
    note: str


def record(connection: Connection, decided: Decided) -> None:
    """Add a decision to the history of its copy.

    Raises:
        DecisionRefusedError: It lacks a name, is too long, or the submission is no copy of that
            original any more, one of them shows another file by now, or its payment names another;
            or another decision was sent with that form.
    """
    reviewer, note = _line(decided.reviewer), _text(decided.note)
    if not reviewer:
        raise DecisionRefusedError(
            "Please enter your name: a decision without one helps nobody later."
        )
    if len(reviewer) > MAX_REVIEWER or len(note) > MAX_NOTE:
        raise DecisionRefusedError(
            f"A name may have {MAX_REVIEWER} characters and a note {MAX_NOTE}: please shorten it."
        )
    parameters = {
        "request_id": decided.request_id,
        "copy_id": decided.copy_id,
        "original_id": decided.original_id,
        "copy_sha256": decided.copy_sha256,
        "original_sha256": decided.original_sha256,
        "decision": str(decided.decision),
        "reviewer": reviewer,
        "note": note,
    }
    if connection.execute(query("record_decision"), parameters).one_or_none() is not None:
        return
    recorded: bool | None = connection.execute(query("decision_recorded"), parameters).scalar_one()
    if recorded is None:
        raise DecisionRefusedError(
            "Nothing was recorded: since you opened the page one of the pictures was replaced, or "
            "this submission is no copy of that original any more. Please look at the group again."
        )
    if not recorded:
        raise DecisionRefusedError(
            "Nothing was recorded: another decision was sent with this form before. To change it, "
            "please decide again below."
        )


def _line(text: str) -> str:
    """Return the text as one line."""
    return " ".join(_text(text).split())


def _text(text: str) -> str:
    """Return the text without what no person types: control characters, surrogates."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        char for char in lines if char in "\n\t" or unicodedata.category(char) not in FORBIDDEN
    ).strip()
