"""The forty flats of the demonstration society: who lives there and how each pays."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from imagesignals_pipeline.demo import devices
from imagesignals_pipeline.demo.devices import Device
from imagesignals_pipeline.demo.receipts import Style
from imagesignals_pipeline.demo.uploads import Form

FLOORS = 10
FLATS_PER_FLOOR = 4
MAINTENANCE = (3500, 4250, 4250, 5100)
"""Rupees a month of the four flats of a floor, which differ in size."""


@dataclass(frozen=True, slots=True)
class Habit:
    """How a resident pays and uploads: always the same app, device, theme and kind of file."""

    style: Style
    device: Device
    form: Form
    dark: bool = False


@dataclass(frozen=True, slots=True)
class Resident:
    """Who pays for a flat; `regular` ones do so nearly every month.

    `note` holds `{month}` where the resident writes the month into the payment's remark.
    """

    flat_id: str
    name: str
    handle: str
    account: str
    amount: int
    note: str
    habit: Habit
    regular: bool
    pays_on: int


HABITS: Sequence[Habit] = (
    Habit(Style.PAYFINCH, devices.TALL, Form.PNG),
    Habit(Style.KAURI, devices.SMALL, Form.JPEG),
    Habit(Style.ZESTLE, devices.ROUND, Form.PNG),
    Habit(Style.TAMARIND, devices.MIDDLE, Form.JPEG),
    Habit(Style.SMS, devices.SMALL, Form.PNG),
    Habit(Style.HARBOURLINE, devices.TALL, Form.JPEG, dark=True),
    Habit(Style.TOKRI, devices.SMALL, Form.PNG),
    Habit(Style.ZESTLE, devices.TALL, Form.MESSENGER),
    Habit(Style.KAURI, devices.LONG, Form.JPEG, dark=True),
    Habit(Style.CHAT, devices.MIDDLE, Form.JPEG),
    Habit(Style.PAYFINCH, devices.SMALL, Form.JPEG, dark=True),
    Habit(Style.STATEMENT, devices.LAPTOP, Form.PNG),
    Habit(Style.PEEPAL, devices.ROUND_SMALL, Form.PNG),
    Habit(Style.KAURI, devices.OLD, Form.MESSENGER),
    Habit(Style.ZESTLE, devices.SMALL, Form.JPEG, dark=True),
    Habit(Style.EMAIL, devices.TABLET, Form.PNG),
    Habit(Style.TAMARIND, devices.OLD, Form.PNG, dark=True),
    Habit(Style.PAYFINCH, devices.ROUND_SMALL, Form.MESSENGER),
    Habit(Style.NETBANKING, devices.DESKTOP, Form.PNG),
    Habit(Style.TOKRI, devices.MIDDLE, Form.JPEG, dark=True),
    Habit(Style.EMAIL, devices.LONG, Form.JPEG),
    Habit(Style.SLIP, devices.SHEET, Form.JPEG),
    Habit(Style.CHAT, devices.ROUND, Form.MESSENGER, dark=True),
    Habit(Style.HARBOURLINE, devices.SMALL, Form.PNG),
    Habit(Style.PEEPAL, devices.TALL, Form.JPEG, dark=True),
)

FIRST_NAMES = (
    "Asha", "Rohan", "Meera", "Imran", "Lakshmi", "Vikram", "Farah", "Suresh", "Nandini", "Joseph",
    "Kavita", "Arjun", "Deepa", "Harish", "Zoya", "Prakash", "Ritu", "Ganesh", "Anita", "Dinesh",
)  # fmt: skip
LAST_NAMES = (
    "Kulkarni", "Nair", "Banerjee", "Sheikh", "Iyer", "Rathore", "Mirza", "Patil", "Rao",
    "Fernandes", "Deshpande", "Menon", "Joshi", "Gowda", "Khan", "Shetty", "Kapoor", "Bhat",
)  # fmt: skip
NOTES = (
    "{flat} maintenance",
    "Maintenance {month}",
    "{flat} {month} maintenance",
    "Society maintenance",
    "Monthly dues {flat}",
)


def residents() -> list[Resident]:
    """Return the residents by flat, F-101 first; the same ones at every call."""
    chance = Random("Gulmohar Heights")
    flats = [
        (f"F-{floor}{place:02d}", MAINTENANCE[place - 1])
        for floor in range(1, FLOORS + 1)
        for place in range(1, FLATS_PER_FLOOR + 1)
    ]
    return [
        _resident(chance, number, flat_id, amount) for number, (flat_id, amount) in enumerate(flats)
    ]


def _resident(chance: Random, number: int, flat_id: str, amount: int) -> Resident:
    first = FIRST_NAMES[number * 7 % len(FIRST_NAMES)]
    last = LAST_NAMES[number * 5 % len(LAST_NAMES)]
    return Resident(
        flat_id=flat_id,
        name=f"{first} {last}",
        handle=f"{first.lower()}.{last.lower()}@tamarind",
        account=f"{chance.randrange(10_000):04d}",
        amount=amount,
        note=chance.choice(NOTES).replace("{flat}", flat_id),
        habit=HABITS[number * 9 % len(HABITS)],
        regular=number % 2 == 0,
        pays_on=chance.randint(1, 18),
    )
