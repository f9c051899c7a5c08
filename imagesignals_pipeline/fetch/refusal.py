"""Why a picture cannot be fetched, on its way to the Failure that is stored."""

from imagesignals_pipeline.model import Failure, FailureKind


class Unfetchable(Exception):  # noqa: N818  (a verdict on the picture, not a fault of ours)
    """There are no bytes, and the clause says why in the operator's words.

    The clause is made of our own words and of numbers only: nothing that a URL or a server said
    gets into it, so that no query string, key or internal host name can.

    Attributes:
        failure: What is stored for the screenshot.
        again: Whether asking once more, soon, can help.
        wait_s: Seconds that the host asked us to wait, or None.
    """

    def __init__(
        self, kind: FailureKind, clause: str, *, again: bool = False, wait_s: float | None = None
    ) -> None:
        self.failure = Failure(kind, f"Failed to fetch: {clause}")
        self.again = again
        self.wait_s = wait_s
        super().__init__(self.failure.detail)


def invalid(reason: str) -> Unfetchable:
    """Return the verdict on a text that is no URL we would ever ask for."""
    return Unfetchable(FailureKind.INVALID_URL, f"invalid URL, {reason}")
