"""When residents pay, what their receipts say, and when they upload them."""

from datetime import UTC, datetime, timedelta, timezone
from random import Random

from imagesignals_pipeline.demo.payment import Payment
from imagesignals_pipeline.demo.receipts import Receipt
from imagesignals_pipeline.demo.residents import Habit, Resident
from imagesignals_pipeline.demo.submission import DemoSubmission, Kind, make
from imagesignals_pipeline.demo.uploads import Upload

FIRST_MONTH = (2025, 9)
MONTHS = 14
"""The last month is October 2026: none of it lies in the future of this release."""

INDIA = timezone(timedelta(hours=5, minutes=30), "IST")


def pay_day(chance: Random, resident: Resident, month: int) -> datetime:
    """Return when a resident pays for a month, counted from the first one."""
    years, place = divmod(FIRST_MONTH[1] - 1 + month, 12)
    day = min(28, max(1, resident.pays_on + chance.randint(-2, 4)))
    hour = chance.choice((8, 9, 10, 13, 18, 19, 20, 20, 21, 21, 22))
    minute, second = chance.randrange(60), chance.randrange(60)
    return datetime(FIRST_MONTH[0] + years, place + 1, day, hour, minute, second, tzinfo=INDIA)


def payment(resident: Resident, paid_at: datetime) -> Payment:
    """Return one payment of a resident; everything but the moment stays as it always is."""
    chance = Random(f"{resident.flat_id} {paid_at:%Y-%m-%d %H:%M:%S}")
    return Payment(
        payer=resident.name,
        flat_id=resident.flat_id,
        handle=resident.handle,
        account=resident.account,
        amount=resident.amount,
        note=resident.note.replace("{month}", f"{paid_at:%b %Y}"),
        paid_at=paid_at,
        shown_at=paid_at + timedelta(seconds=chance.randint(5, 400)),
        reference=f"{paid_at.year % 10}{paid_at:%j}{chance.randrange(10**8):08d}",
        serial=f"{paid_at:%y%m%d%H%M%S}{chance.randrange(100):02d}",
        battery=chance.randint(9, 100),
    )


def upload(resident: Resident, paid_at: datetime, habit: Habit, kind: Kind) -> DemoSubmission:
    """Return the submission of one payment, uploaded minutes to days after it."""
    receipt = Receipt(payment(resident, paid_at), habit.style, habit.device, dark=habit.dark)
    content = Upload(receipt, habit.form)
    return make(resident.flat_id, uploaded(receipt.payment), kind, content)


def uploaded(payment: Payment) -> datetime:
    """Return when a receipt was uploaded, in UTC: a minute to two and a half days after it."""
    chance = Random(f"upload {payment.reference}")
    wait = chance.choice((120, 300, 900, 3_600, 40_000, 150_000))
    milliseconds = chance.randint(wait * 500, wait * 1_500)
    return (payment.shown_at + timedelta(milliseconds=milliseconds)).astimezone(UTC)
