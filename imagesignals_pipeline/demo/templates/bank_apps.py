"""Pages of banks' own apps: Tamarind Bank, Harbourline Bank and Peepal Bank."""

from imagesignals_pipeline.demo.canvas import Pen
from imagesignals_pipeline.demo.devices import Screen
from imagesignals_pipeline.demo.payment import (
    SOCIETY,
    SOCIETY_ACCOUNT,
    SOCIETY_BRANCH,
    SOCIETY_HANDLE,
)
from imagesignals_pipeline.demo.templates.parts import (
    DARK,
    LIGHT,
    WHITE,
    Palette,
    button,
    listed,
    sign,
    stacked,
)


def tamarind(screen: Screen) -> None:
    """Draw a bank's detail page: a toolbar, the amount, and rows of facts between rules."""
    palette = DARK if screen.dark else LIGHT
    payment, top = screen.payment, screen.top
    screen.box((0, 0, screen.width, screen.height), palette.card)
    screen.box((0, 0, screen.width, top + 56), "#8c2f20")
    screen.icon("back", (28, top + 28), 20, WHITE)
    screen.text((58, top + 28), "Transaction details", Pen(17, WHITE, bold=True))
    screen.icon("home", (screen.width - 30, top + 27), 21, WHITE)
    screen.box((0, top + 56, screen.width, top + 190), palette.page)
    sign(screen, (44, top + 98), 22, "leaf", ("#8c2f20", WHITE))
    screen.text((80, top + 89), "Sent via UPI", Pen(13, palette.soft))
    screen.text((80, top + 111), SOCIETY, Pen(16.5, palette.ink, bold=True))
    screen.text((22, top + 158), payment.rupees_paise, Pen(27, palette.ink, bold=True))
    screen.card((screen.width - 108, top + 146, screen.width - 20, top + 170), "#d9f2df", 12)
    screen.text((screen.width - 64, top + 158), "SUCCESS", Pen(11, "#17713a", True, "middle"))
    _tamarind_facts(screen, palette, top + 190)
    _tamarind_foot(screen, palette)
    screen.bars(WHITE, palette.ink)


def _tamarind_facts(screen: Screen, palette: Palette, y: float) -> None:
    payment = screen.payment
    facts = (
        ("Transaction date", f"{payment.paid_at:%d-%m-%Y %H:%M:%S}"),
        ("UPI Ref no.", payment.reference),
        ("Debit account", f"SB XXXXXX{payment.account}"),
        ("Remitter", payment.payer.upper()),
        ("Beneficiary", SOCIETY.upper()),
        ("Beneficiary VPA", SOCIETY_HANDLE),
        ("Remarks", payment.note),
        ("Charges", "₹0.00"),
    )
    shown = facts[: max(5, min(8, int((screen.bottom - 74 - y) // 46)))]
    end = listed(screen, (22, y, screen.width - 22, y + 46 * len(shown)), shown, palette)
    screen.rule(end, palette.line, 22, screen.width - 22)


def _tamarind_foot(screen: Screen, palette: Palette) -> None:
    y, middle = screen.bottom - 62, screen.width / 2
    screen.box((0, y - 10, screen.width, screen.height), palette.card)
    screen.rule(y - 10, palette.line)
    quiet = (palette.page, palette.ink)
    button(screen, (16, y, middle - 6, y + 44), "Raise issue", quiet)
    button(
        screen,
        (middle + 6, y, screen.width - 16, y + 44),
        "Receipt",
        ("#8c2f20", WHITE),
        "download",
    )


HARBOUR = Palette("#0b1a2e", "#13263f", "#eef4fb", "#8fa6c2", "#23395a", "#4fc3d9")
HARBOUR_LIGHT = Palette("#eaf2f7", "#ffffff", "#0b2a44", "#5d768c", "#d5e2ea", "#0d7f96")


def harbourline(screen: Screen) -> None:
    """Draw a bank's result page with a timeline of the transfer's steps."""
    palette = HARBOUR if screen.dark else HARBOUR_LIGHT
    payment, top, middle = screen.payment, screen.top, screen.width / 2
    screen.fade((0, 0, screen.width, screen.height), palette.page, palette.card)
    sign(screen, (36, top + 32), 15, "wave", (palette.accent, palette.page))
    screen.text((60, top + 32), "Harbourline", Pen(18, palette.ink, bold=True))
    screen.icon("bell", (screen.width - 34, top + 32), 21, palette.ink)
    screen.text((middle, top + 84), "You paid", Pen(14, palette.soft, align="middle"))
    screen.text((middle, top + 120), payment.rupees_paise, Pen(36, palette.ink, True, "middle"))
    screen.text((middle, top + 156), f"to {SOCIETY}", Pen(15, palette.accent, align="middle"))
    y = _harbour_steps(screen, palette, top + 188)
    _harbour_card(screen, palette, y + 14)
    _harbour_tabs(screen, palette)
    screen.bars(palette.ink)


def _harbour_steps(screen: Screen, palette: Palette, y: float) -> float:
    payment = screen.payment
    screen.card((16, y, screen.width - 16, y + 150), palette.card, 14, outline=palette.line)
    steps = (
        ("Debited from your account", f"{payment.day}, {payment.clock}"),
        ("Received by Peepal Bank", f"{payment.day}, {payment.clock}"),
        ("Credited to beneficiary", f"A/c {SOCIETY_ACCOUNT}"),
    )
    screen.box((37, y + 30, 39, y + 118), palette.accent)
    for number, (step, when) in enumerate(steps):
        middle = y + 30 + number * 45
        sign(screen, (38, middle), 9, "check", (palette.accent, palette.card))
        screen.text((60, middle - 8), step, Pen(14, palette.ink))
        screen.text((60, middle + 10), when, Pen(11.5, palette.soft))
    return y + 150


def _harbour_card(screen: Screen, palette: Palette, y: float) -> None:
    payment = screen.payment
    facts = (
        ("Reference number", payment.reference),
        ("From account", f"Savings  ...{payment.account}"),
        ("Purpose", payment.note),
        ("Mode", "IMPS  -  instant"),
        ("IFSC", SOCIETY_BRANCH),
    )
    end = y + 16 + 44 * len(facts)
    screen.card((16, y, screen.width - 16, end), palette.card, 14, outline=palette.line)
    listed(screen, (32, y + 8, screen.width - 32, end - 8), facts, palette)


def _harbour_tabs(screen: Screen, palette: Palette) -> None:
    y = screen.bottom - 60
    screen.box((0, y, screen.width, screen.height), palette.page)
    screen.rule(y, palette.line)
    tabs = (("home", "Home"), ("send", "Pay"), ("wallet", "Cards"), ("user", "Profile"))
    for number, (icon, name) in enumerate(tabs):
        colour = palette.accent if name == "Pay" else palette.soft
        x = screen.width * (number + 0.5) / len(tabs)
        screen.icon(icon, (x, y + 22), 21, colour)
        screen.text((x, y + 46), name, Pen(10.5, colour, align="middle"))


PEEPAL = Palette("#fffdf4", "#fff3c9", "#2b2a1c", "#77745b", "#e9e2bd", "#2f6b2a")
PEEPAL_DARK = Palette("#15170f", "#23261a", "#f2f3e6", "#a3a68c", "#3a3e2b", "#9ccc65")


def peepal(screen: Screen) -> None:
    """Draw a bank's e-receipt: a letterhead, a stamp of success and two columns of facts."""
    palette = PEEPAL_DARK if screen.dark else PEEPAL
    payment, top = screen.payment, screen.top
    screen.box((0, 0, screen.width, screen.height), palette.page)
    screen.icon("close", (28, top + 30), 19, palette.ink)
    screen.text((screen.width / 2, top + 30), "e-Receipt", Pen(17, palette.ink, True, "middle"))
    screen.icon("share", (screen.width - 30, top + 30), 20, palette.ink)
    screen.box((0, top + 58, screen.width, top + 62), palette.accent)
    sign(screen, (44, top + 106), 24, "leaf", (palette.accent, palette.page))
    screen.text((80, top + 97), "Peepal Bank", Pen(21, palette.accent, bold=True))
    screen.text((80, top + 120), "rooted in trust", Pen(12, palette.soft))
    screen.card((20, top + 150, screen.width - 20, top + 236), palette.card, 6)
    screen.text((36, top + 174), "Fund transfer", Pen(13, palette.soft))
    screen.text((36, top + 206), payment.rupees_paise, Pen(28, palette.ink, bold=True))
    screen.icon("check", (screen.width - 56, top + 192), 34, palette.accent)
    _peepal_facts(screen, palette, top + 268)
    screen.box((0, screen.bottom, screen.width, screen.height), palette.page)
    screen.bars(palette.ink)


def _peepal_facts(screen: Screen, palette: Palette, y: float) -> None:
    payment, second = screen.payment, screen.width * 0.55
    left = (
        ("From", payment.payer),
        ("Account", f"XXXX XXXX {payment.account}"),
        ("Date", payment.day),
        ("Reference no.", payment.reference),
    )
    right = (
        ("To", SOCIETY),
        ("Account", SOCIETY_ACCOUNT),
        ("Time", f"{payment.paid_at:%H:%M:%S} IST"),
        ("Status", "Credited"),
    )
    stacked(screen, (28, y), left, palette, 60)
    y = stacked(screen, (second, y), right, palette, 60)
    screen.dashes(y - 10, palette.line, 28, screen.width - 28)
    screen.text((28, y + 14), "Remarks", Pen(12, palette.soft))
    screen.text((28, y + 34), payment.note, Pen(14.5, palette.ink))
    words = "This is an electronic receipt and needs no signature. Queries: 1800 000 0417"
    screen.paragraph((28, y + 82), words, Pen(11.5, palette.soft), screen.width - 56)
