"""A PDF receipt -> the picture of its first page.

Pdfium (Chrome's renderer, built without JavaScript) is bundled with pypdfium2. It is not
thread-safe, and a page may ask it for any amount of work: call it in a worker process.
"""

from dataclasses import dataclass

import pypdfium2
from PIL import Image
from pypdfium2 import raw as pdfium

from imagesignals_pipeline.model import Failure, FailureKind

SHORT_SIDE_PX = 1080
"""Short side of the rendered page: that of most phones' screenshots; A4 at 130 dpi."""

LONG_SIDE_PX = 4000
"""A till roll may be very long: it is rendered smaller instead of refused."""


@dataclass(frozen=True, slots=True)
class Page:
    """The picture of a page, with a clause for the operator."""

    image: Image.Image
    remark: str


def first_page(content: bytes) -> Page | Failure:
    """Return the first page in RGB on white, or why the document has none to show.

    Raises:
        pypdfium2.PdfiumError: The document is damaged.
    """
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        # Pdfium keeps the last error of earlier documents, so the file itself has to confirm.
        locked = error.err_code in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}
        if locked and b"/Encrypt" in content:
            return Failure(FailureKind.UNSUPPORTED_FORMAT, "The PDF is locked with a password")
        raise
    try:
        return _render(document)
    finally:
        document.close()


def _render(document: pypdfium2.PdfDocument) -> Page:
    page = document[0]
    width, height = page.get_size()
    scale = min(SHORT_SIDE_PX / min(width, height), LONG_SIDE_PX / max(width, height))
    image = page.render(scale=scale).to_pil().convert("RGB")
    pages = len(document)
    which = f"the first of {pages} pages" if pages > 1 else "the only page"
    return Page(image, f"rendered from {which} of a PDF")
