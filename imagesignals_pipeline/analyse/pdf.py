"""A PDF receipt -> the picture of its first page.

Pdfium (Chrome's renderer, built without JavaScript) is bundled with pypdfium2. It is not
thread-safe, and a page may ask it for any amount of work: call it in a worker process.
"""

import hashlib
from dataclasses import dataclass

import pypdfium2
from PIL import Image
from pypdfium2 import raw as pdfium

from imagesignals_pipeline.model import Failure, FailureKind

SHORT_SIDE_PX = 1080
"""Short side of the rendered page: that of most phones' screenshots; A4 at 130 dpi."""

LONG_SIDE_PX = 4000
"""A till roll may be very long: it is rendered smaller instead of refused."""

OTHER_PAGES, OTHERS_PX = 9, 540
"""Of how many more pages a digest is taken, and their short side: another word on one shows."""


@dataclass(frozen=True, slots=True)
class Page:
    """The picture of a page, with a clause for the operator.

    `rest` digests how many pages there are and what the others show: a statement of one page is
    not last month's with a second one.
    """

    image: Image.Image
    remark: str
    rest: bytes
    is_only: bool


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
        if document.get_formtype() == pdfium.FORMTYPE_XFA_FULL:
            return Failure(
                FailureKind.UNSUPPORTED_FORMAT, "The PDF is a form that only Adobe's reader shows"
            )
        document.init_forms()  # before any page: else what was filled in is not drawn
        return _shown(document)
    finally:
        document.close()


def _shown(document: pypdfium2.PdfDocument) -> Page:
    image = _render(document, 0, SHORT_SIDE_PX)
    pages = len(document)
    rest = hashlib.sha256(f"{pages} pages ".encode())
    for number in range(1, min(pages, 1 + OTHER_PAGES)):
        try:
            other = _render(document, number, OTHERS_PX)
        except pypdfium2.PdfiumError:  # a broken second page does not spoil the first
            rest.update(b"broken ")
        else:
            rest.update(f"{other.width} {other.height} ".encode() + other.tobytes())
    which = "only page" if pages == 1 else f"first of {pages} pages"
    return Page(image, f"rendered from the {which} of a PDF", rest.digest(), pages == 1)


def _render(document: pypdfium2.PdfDocument, number: int, short_side: int) -> Image.Image:
    page = document[number]
    width, height = page.get_size()
    scale = min(short_side / min(width, height), LONG_SIDE_PX / max(width, height))
    return page.render(scale=scale).to_pil().convert("RGB")
