"""Invented payments and the receipts that show them, repeatable from their names alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Literal

from imagesignals_pipeline_tests.evaluation.chance import chance

Half = Literal["tune", "report", "exam"]
"""`tune` is there to develop on; `report` shares only the code of the alterations with it.

The report half was looked at while limits were chosen; `exam` has alterations of its own, and
nobody tunes on it.
"""

ForgedField = Literal["amount", "date", "reference"]


@dataclass(frozen=True, slots=True)
class Device:
    """A screen; sizes in CSS pixels, `scale` is device pixels per CSS pixel."""

    width: int
    height: int
    scale: float


@dataclass(frozen=True, slots=True)
class Template:
    """One look of a receipt: `html/<half>/<name>.html` and where it is seen.

    `thread` is the number of earlier payments that the same picture shows (chats, tables). Of
    `paper` ones some are photographed.
    """

    half: Half
    name: str
    devices: tuple[Device, ...]
    fonts: tuple[str, ...]
    dark: bool = True
    thread: int = 0
    paper: bool = False


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment of one flat; the amount is in paise, the reference is digits only.

    `chance` (12 digits) decides all else that a picture shows about the payment: bar codes,
    balances, answers in a chat. A forger leaves it alone.
    """

    amount: int
    paid_at: datetime
    reference: str
    month: str
    chance: int


@dataclass(frozen=True, slots=True)
class Resident:
    """Who pays and how the phone looks: the same from month to month.

    `tail` are the last four digits of the account, `seed` feeds what a template draws at random.
    """

    flat: str
    name: str
    payee: str
    bank: str
    tail: str
    device: Device
    font: str
    zoom: float
    dark: bool
    seed: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """One honest screenshot before it is rendered; `series` are one flat's look-alikes.

    A `worn` one was altered before its first submission: sent on, cropped, marked, photographed.
    """

    template: Template
    resident: Resident
    series: str
    payment: Payment
    earlier: tuple[Payment, ...]
    taken_at: datetime
    battery: int
    worn: bool


@dataclass(frozen=True, slots=True)
class Cast:
    """The invented people of one half."""

    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    payees: tuple[str, ...]
    banks: tuple[str, ...]
    blocks: str
    year: int


CASTS: dict[Half, Cast] = {
    "tune": Cast(
        (
            "Asha",
            "Rohan",
            "Meera",
            "Vikram",
            "Farah",
            "Joseph",
            "Kavya",
            "Imran",
            "Leela",
            "Nikhil",
        ),
        ("Rao", "Menon", "Shaikh", "Gupta", "Fernandes", "Iyer", "Das", "Kulkarni", "Bose"),
        ("Lotus Park Residents Association", "Lotus Park CHS Ltd", "LPRA Maintenance"),
        ("Union Harbour Bank", "Sahyadri Bank", "Deccan Mercantile", "First Coast Bank"),
        "ABCD",
        2025,
    ),
    "report": Cast(
        ("Tanvi", "Harish", "Sunita", "Dev", "Nasreen", "Paul", "Ishita", "Omar", "Gita", "Sameer"),
        ("Pillai", "Chatterjee", "Khan", "Reddy", "D'Souza", "Nair", "Joshi", "Malik", "Sen"),
        ("Green Meadows Owners Society", "Green Meadows AOA", "Meadows Upkeep Fund"),
        ("Northline Bank", "Godavari Co-operative", "Peninsula Bank", "Axle & Crown Bank"),
        "KMPT",
        2024,
    ),
    "exam": Cast(
        (
            "Bhavna",
            "Yusuf",
            "Charulata",
            "Zubin",
            "Parvathi",
            "Tenzin",
            "Gurpreet",
            "Eshan",
            "Wahida",
            "Ole",
        ),
        ("Wadia", "Bhattacharjee", "Siddiqui", "Gill", "Lobo", "Hegde", "Tshering", "Puri", "Oak"),
        (
            "Palm Grove Apartment Owners",
            "Palm Grove CHSL",
            "PG Common Expenses",
            "Block Sinking A/c",
        ),
        ("Kaveri Gramin Bank", "Metro Trust Bank", "Himadri Savings", "Bay of Palms Bank"),
        "GHXZ",
        2026,
    ),
}

MONTHLY, WORN, STANDING_ORDER, NEIGHBOURS = 7, 8, 5, 10
"""Receipts per template: of one flat month by month, of another, and of other flats."""


def receipts_of(template: Template) -> Iterator[Receipt]:
    """Yield the honest receipts of a template, each series in order of time.

    The monthly series differs in date, time and reference, and its later receipts reach us in a
    bad state; the standing order differs only in the month and three digits of the reference;
    two payments are minutes apart; of the neighbours, half pay the standing order's amount.
    """
    random = chance(f"{template.half} {template.name}")
    monthly = _resident(template, random)
    payments = _months(
        template.half, random, MONTHLY + WORN + template.thread, amount=_amount(random)
    )
    yield from _series(template, monthly, payments, random, "monthly")
    payments = _standing_order(template.half, random, STANDING_ORDER + template.thread)
    yield from _series(template, _resident(template, random), payments, random, "standing order")
    yield from _series(
        template, _resident(template, random), _twice(template, random), random, "twice a day"
    )
    for number in range(NEIGHBOURS):
        resident = _resident(template, random)
        if number % 2:
            resident = replace(resident, payee=monthly.payee, bank=monthly.bank)
        amount = payments[0].amount if number % 2 else _amount(random)
        others = _months(template.half, random, 1 + template.thread, amount=amount)
        yield from _series(template, resident, others, random, f"neighbour {number}")


def forge(receipt: Receipt, field: ForgedField, random: Random) -> Receipt:
    """Return the receipt with one field of its payment changed, of the same length."""
    payment = receipt.payment
    match field:
        case "amount":
            rupees, paise = divmod(payment.amount, 100)
            forged = replace(payment, amount=_other_digits(rupees, random) * 100 + paise)
        case "date":
            day = random.choice([day for day in range(10, 28) if day != payment.paid_at.day])
            forged = replace(payment, paid_at=payment.paid_at.replace(day=day))
        case "reference":
            count = random.randint(1, 4)
            tail = _other_digits(int("1" + payment.reference[-count:]), random) % 10**count
            forged = replace(payment, reference=f"{payment.reference[:-count]}{tail:0{count}}")
    return replace(receipt, payment=forged)


def retake(receipt: Receipt, random: Random) -> Receipt:
    """Return the same receipt seen again days later: only the status bar differs."""
    later = timedelta(days=random.randint(1, 9), minutes=random.randint(1, 600))
    return replace(receipt, taken_at=receipt.taken_at + later, battery=random.randint(9, 100))


def _other_digits(number: int, random: Random) -> int:
    """Return another number whose first digit and length are those of `number`."""
    while True:
        magnitude = 10 ** (len(str(number)) - 1)
        other = number - number % magnitude + random.randrange(magnitude)
        if other != number:
            return other


def _resident(template: Template, random: Random) -> Resident:
    cast = CASTS[template.half]
    floor, door = random.randint(1, 14), random.randint(1, 6)
    return Resident(
        flat=f"{random.choice(cast.blocks)}-{floor}{door:02}",
        name=f"{random.choice(cast.first_names)} {random.choice(cast.last_names)}",
        payee=random.choice(cast.payees),
        bank=random.choice(cast.banks),
        tail=f"{random.randrange(10_000):04}",
        device=random.choice(template.devices),
        font=random.choice(template.fonts),
        zoom=random.choice((0.9, 1.0, 1.0, 1.0, 1.1)),
        dark=template.dark and random.random() < 0.4,
        seed=random.randrange(1 << 30),
    )


def _amount(random: Random) -> int:
    return random.choice((150_000, 250_000, 320_000, 275_050, 480_000, 1_250_000, 98_500))


def _months(half: Half, random: Random, count: int, *, amount: int) -> list[Payment]:
    """One payment a month by hand: another day, time and reference each."""
    return [
        Payment(
            amount=amount,
            paid_at=month.replace(
                day=random.randint(1, 12),
                hour=random.randint(7, 22),
                minute=random.randrange(60),
                second=random.randrange(60),
            ),
            reference=f"{_twelve_digits(random)}",
            month=f"{month:%B %Y}",
            chance=_twelve_digits(random),
        )
        for month in _calendar(half, count)
    ]


def _standing_order(half: Half, random: Random, count: int) -> list[Payment]:
    """The same day and time each month; references differ in three digits at most."""
    amount, day = _amount(random), random.randint(1, 9)
    head = random.randrange(10**8, 10**9)
    return [
        Payment(
            amount=amount,
            paid_at=month.replace(day=day, hour=6, minute=30),
            reference=f"{head}{random.randrange(1000):03}",
            month=f"{month:%B %Y}",
            chance=_twelve_digits(random),
        )
        for month in _calendar(half, count)
    ]


def _twelve_digits(random: Random) -> int:
    return random.randrange(10**11, 10**12)


def _twice(template: Template, random: Random) -> list[Payment]:
    """Two months' dues paid one after the other: two minutes and the references differ."""
    payments = _months(template.half, random, 1 + template.thread, amount=_amount(random))
    first = replace(payments[-1], paid_at=payments[-1].paid_at.replace(minute=random.randrange(56)))
    later = first.paid_at + timedelta(minutes=2, seconds=random.randrange(60))
    second = replace(first, paid_at=later, reference=f"{_twelve_digits(random)}")
    second = replace(second, chance=_twelve_digits(random))
    return [*payments[:-1], first, second]


def _calendar(half: Half, count: int) -> Iterator[datetime]:
    """Yield the first of `count` months in a row, local time as a phone shows it."""
    for number in range(count):
        years, month = divmod(number, 12)
        yield datetime(CASTS[half].year + years, month + 1, 1)  # noqa: DTZ001  # local by intent


def _series(
    template: Template,
    resident: Resident,
    payments: list[Payment],
    random: Random,
    series: str,
) -> Iterator[Receipt]:
    still = series == "standing order"
    for number in range(template.thread, len(payments)):
        payment = payments[number]
        delay = timedelta(minutes=3 if still else random.randint(0, 40))
        yield Receipt(
            template=template,
            resident=resident,
            series=f"{template.name}: {series}",
            payment=payment,
            earlier=tuple(payments[number - template.thread : number]),
            taken_at=payment.paid_at + delay,
            battery=63 if still else random.randint(9, 100),
            worn=series == "monthly" and number >= template.thread + MONTHLY,
        )
