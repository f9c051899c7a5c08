"""Pages of a computer: a statement and a confirmation in a browser, and a printed slip."""

from dataclasses import dataclass
from datetime import timedelta

from imagesignals_pipeline.demo.canvas import Align, Pen
from imagesignals_pipeline.demo.devices import Screen
from imagesignals_pipeline.demo.payment import (
    SOCIETY,
    SOCIETY_ACCOUNT,
    SOCIETY_BRANCH,
    SOCIETY_LONG,
    grouped,
)
from imagesignals_pipeline.demo.templates.parts import WHITE, Palette, listed, sign

PAGE = Palette("#ffffff", "#f3f6fa", "#1d2733", "#647182", "#dbe2ea", "#0d5c8c")
GREEN_PAGE = Palette("#ffffff", "#f4f7f1", "#22291f", "#687263", "#dde5d8", "#2f6b2a")


@dataclass(frozen=True, slots=True)
class Site:
    """A bank's site in a browser: its name, address, sign and colours."""

    bank: str
    address: str
    icon: str
    palette: Palette


HARBOURLINE = Site(
    "Harbourline Bank", "netbanking.harbourline.example/accounts/statement", "wave", PAGE
)
PEEPAL = Site("Peepal Bank", "retail.peepalbank.example/transfer/confirmation", "leaf", GREEN_PAGE)

SHOPS = ("NEEM PROVISION", "BLUEBELL MEDICALS", "CITY GAS BILL", "ATM WDL", "RADIANT FIBRE")
BROWSER_DP = 86
"""Height of the browser's tabs and address line."""


def statement(screen: Screen) -> None:
    """Draw a statement in a browser: the payment is the last line of a table of movements."""
    payment = screen.payment
    _browser(screen, HARBOURLINE)
    left = _side(screen, HARBOURLINE, "Statements")
    y = BROWSER_DP + 66
    screen.text((left, y + 28), "Account statement", Pen(21, PAGE.ink, bold=True))
    words = f"{payment.payer}   |   Savings account XXXXXXXX{payment.account}   |   INR"
    screen.text((left, y + 56), words, Pen(13, PAGE.soft))
    _movements(screen, left, y + 82)


COLUMNS: tuple[tuple[str, float, Align], ...] = (
    ("Date", 0.01, "left"),
    ("Narration", 0.1, "left"),
    ("Debit", 0.64, "right"),
    ("Credit", 0.82, "right"),
    ("Balance", 0.99, "right"),
)
"""Name of each column, where it is aligned as a share of the table's width, and how."""


def _movements(screen: Screen, left: float, y: float) -> None:
    """Draw the table; right of `left`, its head at `y`."""
    right = screen.width - 28
    screen.box((left, y, right, y + 34), PAGE.accent)
    for name, place, align in COLUMNS:
        at = (left + (right - left) * place, y + 17)
        screen.text(at, name, Pen(12.5, WHITE, bold=True, align=align))
    for number, row in enumerate(_lines(screen, int((screen.height - y - 60) // 31))):
        top = y + 34 + number * 31
        screen.box((left, top, right, top + 31), PAGE.card if number % 2 else PAGE.page)
        for (_, place, align), cell in zip(COLUMNS, row, strict=True):
            at = (left + (right - left) * place, top + 15.5)
            screen.text(at, cell, Pen(12.5, PAGE.ink, align=align))
        screen.rule(top + 30, PAGE.line, left, right)


def _lines(screen: Screen, count: int) -> list[tuple[str, ...]]:
    """Return the last `count` movements, oldest first, as the cells of the table."""
    payment, chance = screen.payment, screen.payment.chance("statement")
    balance = chance.randint(60_000, 240_000)
    day, payday = payment.paid_at, chance.randrange(1, count)
    words = f"UPI/{payment.reference}/{SOCIETY.upper()}/{payment.note.upper()}"
    lines = [(f"{day:%d/%m/%Y}", words, _money(payment.amount), "", _money(balance))]
    balance += payment.amount
    for place in range(1, count):
        day -= timedelta(days=chance.choice((0, 1, 1, 2, 3)))
        number, amount = f"{chance.randrange(10**12):012d}", chance.randint(60, 6_000)
        narration = f"UPI/{number}/{chance.choice(SHOPS)}"
        debit, credit = _money(amount), ""
        if place == payday:
            amount = -1000 * chance.randint(20, 55)
            narration, debit, credit = f"NEFT/{number}/SALARY", "", _money(-amount)
        lines.append((f"{day:%d/%m/%Y}", narration, debit, credit, _money(balance)))
        balance += amount
    return lines[::-1]


def _money(amount: int) -> str:
    return f"{grouped(amount)}.00"


def netbanking(screen: Screen) -> None:
    """Draw the confirmation of a transfer in a browser."""
    payment = screen.payment
    _browser(screen, PEEPAL)
    left = _side(screen, PEEPAL, "Payments")
    y = BROWSER_DP + 66
    right = min(screen.width - 40, left + 760)
    screen.card((left, y + 24, right, y + 84), "#e2f4e6", 6, outline="#b6dfc0")
    sign(screen, (left + 34, y + 54), 15, "check", ("#1d7f3c", WHITE))
    words = f"Your transfer of {payment.rupees_paise} was successful"
    screen.text((left + 62, y + 46), words, Pen(16, "#14572a", bold=True))
    screen.text((left + 62, y + 67), f"Reference {payment.reference}", Pen(12.5, "#14572a"))
    facts = (
        ("Date and time", f"{payment.day}, {payment.paid_at:%H:%M:%S}"),
        ("From account", f"Savings XXXXXXXX{payment.account}  {payment.payer}"),
        ("Beneficiary", SOCIETY_LONG),
        ("Beneficiary account", f"{SOCIETY_ACCOUNT}  IFSC {SOCIETY_BRANCH}"),
        ("Amount", payment.rupees_paise),
        ("Mode", "IMPS"),
        ("Remarks", payment.note),
    )
    listed(screen, (left, y + 104, right, y + 104 + 38 * len(facts)), facts, GREEN_PAGE)
    y += 124 + 38 * len(facts)
    for number, (icon, name) in enumerate((("print", "Print"), ("download", "Save as PDF"))):
        box = (left + number * 150, y, left + 138 + number * 150, y + 36)
        screen.card(box, GREEN_PAGE.page, 6, outline=GREEN_PAGE.accent)
        screen.icon(icon, (box[0] + 22, y + 18), 16, GREEN_PAGE.accent)
        screen.text((box[0] + 40, y + 18), name, Pen(13, GREEN_PAGE.accent, bold=True))


def _browser(screen: Screen, site: Site) -> None:
    """Draw a browser's tabs and address line."""
    palette = site.palette
    screen.box((0, 0, screen.width, screen.height), palette.page)
    screen.box((0, 0, screen.width, 42), "#d7dde5")
    screen.card((14, 8, 254, 60), palette.page, 9)
    sign(screen, (34, 25), 8, site.icon, (palette.accent, WHITE))
    screen.text((50, 25), site.bank, Pen(12, palette.ink))
    screen.icon("close", (238, 25), 12, palette.soft)
    screen.icon("plus", (276, 25), 13, palette.soft)
    screen.box((0, 42, screen.width, BROWSER_DP), palette.page)
    for icon, x in (("back", 26), ("reload", 62)):
        screen.icon(icon, (x, 64), 17, palette.soft)
    screen.card((90, 49, screen.width - 90, 79), palette.card, 15)
    screen.icon("lock", (110, 64), 12, palette.soft)
    screen.text((126, 64), site.address, Pen(13, palette.ink))
    screen.icon("star", (screen.width - 110, 64), 14, palette.soft)
    screen.icon("more", (screen.width - 26, 64), 17, palette.soft)
    screen.rule(BROWSER_DP, palette.line)


def _side(screen: Screen, site: Site, current: str) -> float:
    """Draw the bank's head and menu; return where the page's content begins, in dp."""
    palette = site.palette
    top = BROWSER_DP + 1.0
    screen.box((0, top, screen.width, top + 58), palette.accent)
    sign(screen, (38, top + 29), 15, site.icon, (WHITE, palette.accent))
    screen.text((64, top + 29), site.bank, Pen(18, WHITE, bold=True))
    words = f"Welcome, {screen.payment.payer}   |   Log out"
    screen.text((screen.width - 28, top + 29), words, Pen(12.5, WHITE, align="right"))
    screen.box((0, top + 58, 176, screen.height), palette.card)
    for number, name in enumerate(("Accounts", "Statements", "Payments", "Cards", "Service")):
        y = top + 92 + number * 40
        if name == current:
            screen.box((0, y - 20, 176, y + 20), palette.line)
            screen.box((0, y - 20, 4, y + 20), palette.accent)
        screen.text((26, y), name, Pen(13.5, palette.ink, bold=name == current))
    return 204.0


def slip(screen: Screen) -> None:
    """Draw a bank's payment advice as it is printed on a sheet."""
    payment, middle, right = screen.payment, screen.width / 2, screen.width - 70
    screen.box((0, 0, screen.width, screen.height), WHITE)
    sign(screen, (98, 98), 27, "leaf", ("#2f6b2a", WHITE))
    screen.text((140, 86), "Peepal Bank Limited", Pen(25, "#2f6b2a", bold=True))
    screen.text((140, 114), "Lake Road branch, Pune 411 000", Pen(13, PAGE.soft))
    screen.text((right, 92), f"Date: {payment.paid_at:%d %B %Y}", Pen(13, PAGE.ink, align="right"))
    screen.box((70, 146, right, 149), "#2f6b2a")
    screen.text((middle, 190), "PAYMENT ADVICE", Pen(20, PAGE.ink, True, "middle"))
    facts = (
        ("Transaction reference", payment.reference),
        ("Value date and time", f"{payment.paid_at:%d-%m-%Y %H:%M:%S}"),
        ("Remitter", payment.payer),
        ("Remitter account", f"XXXXXXXX{payment.account}"),
        ("Beneficiary", SOCIETY_LONG),
        ("Beneficiary account", SOCIETY_ACCOUNT),
        ("IFSC", SOCIETY_BRANCH),
        ("Amount", payment.rupees_paise),
        ("Remarks", payment.note),
        ("Status", "Settled"),
    )
    screen.card((70, 226, right, 226 + 40 * len(facts)), WHITE, 2, outline=PAGE.line)
    y = listed(screen, (86, 226, right - 16, 226 + 40 * len(facts)), facts, PAGE)
    words = (
        "We confirm that the above amount was debited from the remitter's account and credited "
        "to the beneficiary. This advice is computer generated and needs no signature. "
        "Please keep it for your records."
    )
    y = screen.paragraph((70, y + 46), words, Pen(13, PAGE.ink), right - 70)
    screen.card((right - 190, y + 50, right, y + 122), WHITE, 4, outline="#5a6fb5")
    screen.text((right - 95, y + 74), "PEEPAL BANK", Pen(15, "#5a6fb5", True, "middle"))
    screen.text((right - 95, y + 98), f"PAID {payment.day}", Pen(13, "#5a6fb5", align="middle"))
    screen.rule(screen.height - 70, PAGE.line, 70, right)
    foot = Pen(11, PAGE.soft, align="middle")
    words = f"Advice {payment.serial}   |   Page 1 of 1   |   1800 000 0417"
    screen.text((middle, screen.height - 50), words, foot)
