"""Tells somebody elsewhere that they are needed, through apprise (an optional dependency)."""

import importlib
import logging
from typing import Any

from imagesignals_pipeline import settings
from imagesignals_pipeline.model import OperatorError

TITLE = "Image signals"


class AlertNotSentError(OperatorError):
    """Nobody was told; the text says what to do, and nothing of the address, which is a secret."""


def send(url: str, line: str) -> None:
    """Send one line to an address in apprise's form, such as `mailtos://…` or `slack://…`.

    Raises:
        AlertNotSentError: It was not delivered.
    """
    try:
        apprise: Any = importlib.import_module("apprise")
    except ImportError:
        raise AlertNotSentError(
            "Alerts need apprise: run `pip install apprise` in this environment."
        ) from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it quotes addresses
    channel = apprise.Apprise()
    if not channel.add(url):
        raise AlertNotSentError(f"Set {settings.ALERT_URL} to an address that apprise knows.")
    if not channel.notify(title=TITLE, body=line):
        raise AlertNotSentError(f"The alert was not delivered: correct {settings.ALERT_URL}.")
