"""The demonstration's special submissions: odd addresses, odd files, and none at all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from urllib.parse import quote

from imagesignals_pipeline.demo import devices
from imagesignals_pipeline.demo.paying import MONTHS, pay_day, payment, upload, uploaded
from imagesignals_pipeline.demo.receipts import Style
from imagesignals_pipeline.demo.residents import Habit, Resident
from imagesignals_pipeline.demo.submission import BASE, DemoSubmission, Kind, make
from imagesignals_pipeline.demo.uploads import Form, Oddity
from imagesignals_pipeline.model import MANUAL_ENTRY

PHONE = Habit(Style.KAURI, devices.SMALL, Form.JPEG)
SHEET = Habit(Style.SLIP, devices.SHEET, Form.CAMERA)

ODD_ONES: Mapping[Kind, tuple[Habit | Oddity | None, ...]] = {
    Kind.SPACED_URL: (PHONE,),
    Kind.ENCODED_URL: (PHONE,),
    Kind.CAMERA: (SHEET,),
    Kind.EDITED: (replace(PHONE, form=Form.EDITED),),
    Kind.ROTATED: (replace(PHONE, style=Style.TAMARIND, form=Form.ROTATED),),
    Kind.BLANK_SCREEN: (Oddity.BLANK_SCREEN,),
    Kind.TINY: (Oddity.TINY,),
    Kind.BUSY: (replace(PHONE, style=Style.TOKRI),),
    Kind.MISSING: (None, None),
    Kind.DELETED: (None,),
    Kind.FORBIDDEN: (None,),
    Kind.BROKEN: (None,),
    Kind.EMPTY: (Oddity.EMPTY,),
    Kind.TRUNCATED: (replace(PHONE, style=Style.ZESTLE, form=Form.TRUNCATED),),
    Kind.HUGE: (Oddity.HUGE,),
    Kind.NOT_A_URL: (None,),
    Kind.PDF: (replace(SHEET, form=Form.PDF), replace(SHEET, form=Form.PDF)),
    Kind.SIGN_IN_PAGE: (Oddity.SIGN_IN_PAGE, Oddity.SIGN_IN_PAGE),
    Kind.MANUAL_ENTRY: (None, None, None),
    Kind.BLANK_URL: (None,),
    Kind.NO_URL: (None, None),
}
"""What lies behind the submissions of each kind that is not a plain receipt."""

UNSERVED: Mapping[Kind, str | None] = {
    Kind.MANUAL_ENTRY: MANUAL_ENTRY,
    Kind.BLANK_URL: "  ",
    Kind.NO_URL: None,
    Kind.NOT_A_URL: "https:/ see the group chat",
}
"""The `screenshot_url` of submissions that no store has a picture for."""


def odd_ones(people: Sequence[Resident]) -> Iterator[DemoSubmission]:
    """Yield the submissions that are special, spread over flats and months."""
    chance = Random("odd ones")
    rare = [resident for resident in people if not resident.regular]
    every = [(kind, behind) for kind, some in ODD_ONES.items() for behind in some]
    for number, (kind, behind) in enumerate(every):
        resident = rare[number * 3 % len(rare)]
        paid_at = pay_day(chance, resident, number * 5 % MONTHS)
        if isinstance(behind, Habit):
            submission = upload(resident, paid_at, behind, kind)
        else:
            created_at = uploaded(payment(resident, paid_at))
            submission = make(resident.flat_id, created_at, kind, behind)
        yield _addressed(submission)


def _addressed(submission: DemoSubmission) -> DemoSubmission:
    """Give a submission the odd address that its kind calls for."""
    if submission.kind in UNSERVED:
        return replace(submission, screenshot_url=UNSERVED[submission.kind], path=None)
    if submission.kind is Kind.SPACED_URL:
        path = f"{submission.flat_id}/society dues (1).jpg"
        return replace(submission, screenshot_url=BASE + path, path=path)
    if submission.kind is Kind.ENCODED_URL:
        path = f"{submission.flat_id}/dues in ₹, 100% paid.jpg"
        return replace(submission, screenshot_url=BASE + quote(path), path=path)
    return submission
