"""Which fonts the receipts of a half need: a browser draws boxes in the place of missing ones."""

import shutil
import subprocess

from imagesignals_pipeline_tests.evaluation.browser import PACKAGES, BrowserMissingError
from imagesignals_pipeline_tests.evaluation.catalogue import TEMPLATES
from imagesignals_pipeline_tests.evaluation.receipts import Half

SCRIPTS: dict[Half, frozenset[str]] = {
    "tune": frozenset({"Noto Sans Devanagari"}),
    "report": frozenset({"Noto Sans Tamil"}),
    "exam": frozenset({"Noto Sans Bengali", "Noto Nastaliq Urdu"}),
}
"""Named by the pages themselves, for scripts that the fonts of the templates do not have."""


def require(half: Half) -> None:
    """Make sure that all fonts of a half are installed.

    Raises:
        BrowserMissingError: Some are not; the message names them, and what to install.
    """
    if missing := wanted(half) - installed():
        names = ", ".join(sorted(missing))
        raise BrowserMissingError(f"Fonts are missing ({names}): apt-get install -y {PACKAGES}")


def wanted(half: Half) -> frozenset[str]:
    """Return the families that the receipts of a half are set in."""
    return SCRIPTS[half].union(*(template.fonts for template in TEMPLATES[half]))


def installed() -> frozenset[str]:
    """Return the families on this machine, as fontconfig lists them; Chromium comes with it."""
    lister = shutil.which("fc-list")
    if lister is None:
        return frozenset()
    listed = subprocess.run([lister, ":", "family"], capture_output=True, text=True, check=True)
    return frozenset(
        name.strip() for line in listed.stdout.splitlines() for name in line.split(",")
    )
