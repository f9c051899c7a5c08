"""Success screens of payment apps: Payfinch, Kauri, Zestle and Tokri."""

from random import Random

from imagesignals_pipeline.demo.canvas import Pen
from imagesignals_pipeline.demo.devices import Screen
from imagesignals_pipeline.demo.payment import (
    SOCIETY,
    SOCIETY_ACCOUNT,
    SOCIETY_HANDLE,
    clock,
    initials,
)
from imagesignals_pipeline.demo.templates.parts import (
    DARK,
    LIGHT,
    WHITE,
    Palette,
    badge,
    button,
    listed,
    sign,
    stacked,
)


def payfinch(screen: Screen) -> None:
    """Draw a coloured head with a tick, the amount, and a card of facts below."""
    palette = DARK if screen.dark else LIGHT
    payment, middle = screen.payment, screen.width / 2
    head = screen.top + 236
    screen.box((0, 0, screen.width, screen.height), palette.page)
    screen.box((0, 0, screen.width, head), "#123a36" if screen.dark else "#0f8f6f")
    screen.icon("close", (28, screen.top + 28), 20, WHITE)
    screen.icon("help", (screen.width - 30, screen.top + 28), 22, WHITE)
    sign(screen, (middle, screen.top + 74), 31, "check", (WHITE, "#0f8f6f"))
    screen.text((middle, screen.top + 136), payment.rupees, Pen(38, WHITE, True, "middle"))
    screen.text((middle, screen.top + 174), "Payment successful", Pen(16, WHITE, align="middle"))
    when = f"{payment.day}, {payment.clock}"
    screen.text((middle, screen.top + 198), when, Pen(13, "#c9efe3", align="middle"))
    _payfinch_card(screen, palette, head - 14)
    _payfinch_foot(screen, palette)
    screen.bars(WHITE, palette.ink)


def _payfinch_card(screen: Screen, palette: Palette, top: float) -> None:
    payment, right = screen.payment, screen.width - 16
    screen.card((16, top, right, top + 362), palette.card, 16)
    screen.text((32, top + 26), "Paid to", Pen(12, palette.soft))
    badge(screen, (52, top + 64), 20, initials(SOCIETY), "#c2573a")
    screen.text((84, top + 55), SOCIETY, Pen(16, palette.ink, bold=True))
    screen.text((84, top + 76), SOCIETY_HANDLE, Pen(12.5, palette.soft))
    screen.rule(top + 104, palette.line, 32, right - 16)
    facts = (
        ("From", f"{payment.payer}  -  A/c XX{payment.account}"),
        ("Note", payment.note),
        ("UPI transaction ID", payment.reference),
        ("Payfinch order", f"PF{payment.serial}"),
    )
    y = stacked(screen, (32, top + 128), facts, palette, 54)
    screen.icon("copy", (right - 28, y - 98), 18, palette.accent)
    screen.icon("down", (right - 26, top + 64), 16, palette.soft)


def _payfinch_foot(screen: Screen, palette: Palette) -> None:
    y, middle = screen.bottom - 66, screen.width / 2
    screen.box((0, y - 40, screen.width, screen.height), palette.page)
    share = ("#d5eee6", "#0b6f57") if not screen.dark else ("#21443d", "#8fe0c8")
    button(screen, (16, y, middle - 8, y + 46), "Share", share, "share")
    button(screen, (middle + 8, y, screen.width - 16, y + 46), "Done", ("#0f8f6f", WHITE))
    foot = Pen(11, palette.soft, align="middle")
    screen.text((middle, y - 22), "Payfinch  -  safe payments, simply", foot)


KAURI = Palette("#f2effa", "#ffffff", "#1f1735", "#746b8e", "#e6e0f4", "#5b2bc0")
KAURI_DARK = Palette("#130f1f", "#1f1930", "#f3effc", "#a59cc0", "#342b4e", "#b796ff")


def kauri(screen: Screen) -> None:
    """Draw a toolbar with the result, then cards for payee, transfer details and a banner."""
    palette = KAURI_DARK if screen.dark else KAURI
    payment, top = screen.payment, screen.top
    screen.box((0, 0, screen.width, screen.height), palette.page)
    screen.box((0, 0, screen.width, top + 74), "#1c8a43")
    screen.icon("back", (28, top + 36), 21, WHITE)
    screen.text((58, top + 26), "Transaction successful", Pen(17, WHITE, bold=True))
    screen.text((58, top + 49), f"{payment.clock} on {payment.day}", Pen(12.5, "#d8f3e0"))
    y = _kauri_payee(screen, palette, top + 86)
    y = _kauri_details(screen, palette, y + 12)
    _kauri_actions(screen, palette, y + 14)
    screen.bars(WHITE, palette.ink)


def _kauri_payee(screen: Screen, palette: Palette, y: float) -> float:
    right = screen.width - 12
    screen.card((12, y, right, y + 106), palette.card, 10)
    screen.text((28, y + 22), "Paid to", Pen(12.5, palette.soft))
    sign(screen, (48, y + 62), 20, "bank", (palette.accent, palette.card))
    screen.text((82, y + 54), SOCIETY, Pen(15.5, palette.ink, bold=True))
    screen.text((82, y + 75), f"Peepal Bank {SOCIETY_ACCOUNT}", Pen(12, palette.soft))
    pen = Pen(17, palette.ink, bold=True, align="right")
    screen.text((right - 16, y + 54), screen.payment.rupees, pen)
    return y + 106


def _kauri_details(screen: Screen, palette: Palette, y: float) -> float:
    payment, right = screen.payment, screen.width - 12
    screen.card((12, y, right, y + 262), palette.card, 10)
    screen.icon("menu", (34, y + 27), 18, palette.ink)
    screen.text((56, y + 27), "Transfer details", Pen(14.5, palette.ink, bold=True))
    screen.icon("down", (right - 24, y + 27), 15, palette.soft)
    screen.rule(y + 52, palette.line, 12, right)
    facts = (("Transaction ID", f"K{payment.serial}"), ("Message", payment.note))
    y = stacked(screen, (28, y + 76), facts, palette, 54)
    screen.icon("copy", (right - 26, y - 98), 17, palette.accent)
    screen.text((28, y), "Debited from", Pen(12, palette.soft))
    badge(screen, (44, y + 32), 15, "T", "#a1432f")
    screen.text((70, y + 24), f"XXXXXXXX{payment.account}", Pen(14.5, palette.ink))
    pen = Pen(14.5, palette.ink, align="right")
    screen.text((right - 16, y + 24), payment.rupees, pen)
    screen.text((70, y + 45), f"UTR: {payment.reference}", Pen(12.5, palette.soft))
    return y + 78


def _kauri_actions(screen: Screen, palette: Palette, y: float) -> None:
    screen.card((12, y, screen.width - 12, y + 92), palette.card, 10)
    names = (("reload", "Pay again"), ("clock", "History"), ("wallet", "Split"), ("share", "Share"))
    for number, (icon, name) in enumerate(names):
        x = 12 + (screen.width - 24) * (number + 0.5) / len(names)
        sign(screen, (x, y + 34), 20, icon, (palette.accent, palette.card))
        screen.text((x, y + 70), name, Pen(11.5, palette.ink, align="middle"))
    low = y + 106
    if screen.bottom - low > 120:  # noqa: PLR2004 - a banner needs 120 dp
        screen.card((12, low, screen.width - 12, low + 96), "#3b1a86", 12)
        screen.text((30, low + 34), "Recharge and win", Pen(18, WHITE, bold=True))
        screen.text((30, low + 60), "Up to ₹50 back on your next bill", Pen(12.5, "#d9c8ff"))
        sign(screen, (screen.width - 62, low + 48), 28, "bolt", ("#ffcf3f", "#3b1a86"))
        foot = Pen(11.5, palette.soft, align="middle")
        screen.text((screen.width / 2, screen.bottom - 26), "kauri pay  |  UPI", foot)


ZESTLE = Palette("#ffffff", "#f3f5f9", "#202124", "#5f6368", "#dfe2e7", "#1a6a5b")
ZESTLE_DARK = Palette("#000000", "#1a1c1f", "#e8eaed", "#9aa0a6", "#303236", "#86d7c4")


def zestle(screen: Screen) -> None:
    """Draw a bare page: a badge, the amount in large figures, and an outlined card."""
    palette = ZESTLE_DARK if screen.dark else ZESTLE
    payment, middle, top = screen.payment, screen.width / 2, screen.top
    screen.box((0, 0, screen.width, screen.height), palette.page)
    screen.icon("back", (28, top + 30), 20, palette.ink)
    screen.icon("star", (screen.width - 66, top + 30), 20, palette.ink)
    screen.icon("more", (screen.width - 26, top + 30), 20, palette.ink)
    badge(screen, (middle, top + 102), 30, initials(SOCIETY), "#7b4fb5")
    screen.text((middle, top + 156), f"To {SOCIETY}", Pen(16.5, palette.ink, align="middle"))
    screen.text((middle, top + 204), payment.rupees, Pen(46, palette.ink, align="middle"))
    width = 34 + len(payment.note) * 6.6
    screen.card((middle - width / 2, top + 238, middle + width / 2, top + 270), palette.card, 10)
    screen.text((middle, top + 254), payment.note, Pen(13, palette.ink, align="middle"))
    _zestle_state(screen, palette, top + 302)
    _zestle_card(screen, palette, top + 346)
    _zestle_foot(screen, palette, top + 346 + 300)
    screen.bars(palette.ink)


def _zestle_state(screen: Screen, palette: Palette, y: float) -> None:
    payment, middle = screen.payment, screen.width / 2
    screen.text((middle + 10, y), "Completed", Pen(14.5, palette.ink, align="middle"))
    sign(screen, (middle - 42, y), 8, "check", ("#1e8e3e", WHITE))
    pen = Pen(13, palette.soft, align="middle")
    screen.text((middle, y + 25), f"{payment.day}, {payment.clock.lower()}", pen)


def _zestle_card(screen: Screen, palette: Palette, y: float) -> None:
    payment, left, right = screen.payment, 24.0, screen.width - 24
    screen.card((left, y, right, y + 300), palette.page, 14, outline=palette.line)
    sign(screen, (left + 32, y + 34), 15, "bank", ("#a1432f", WHITE))
    screen.text((left + 60, y + 34), f"Tamarind Bank {payment.account}", Pen(14.5, palette.ink))
    screen.icon("down", (right - 24, y + 34), 14, palette.soft)
    screen.rule(y + 66, palette.line, left, right)
    facts = (
        ("UPI transaction ID", payment.reference),
        (f"To: {SOCIETY.upper()}", SOCIETY_HANDLE),
        (f"From: {payment.payer.upper()} (Tamarind Bank)", payment.handle),
        ("Zestle transaction ID", f"ZsTL{payment.serial}"),
    )
    stacked(screen, (left + 18, y + 92), facts, palette, 54)


def _zestle_foot(screen: Screen, palette: Palette, card_end: float) -> None:
    """Draw the share button over what reaches below it, as scrolled pages do."""
    middle, low = screen.width / 2, screen.bottom
    if low - card_end > 100:  # noqa: PLR2004 - dp that the maker's line needs
        screen.text((middle, low - 84), "POWERED BY", Pen(8, palette.soft, align="middle"))
        screen.text((middle, low - 66), "Zestle  |  UPI", Pen(13, palette.soft, align="middle"))
    screen.box((0, low - 54, screen.width, screen.height), palette.page)
    share = (palette.card, palette.accent)
    button(screen, (middle - 76, low - 46, middle + 76, low - 8), "Share screenshot", share)


TOKRI = Palette("#fdeedd", "#ffffff", "#33230f", "#8a7558", "#ecdcc5", "#d4572a")
TOKRI_DARK = Palette("#241a12", "#33271c", "#fbf0e2", "#bda98c", "#4d3c2c", "#ff9a5c")


def tokri(screen: Screen) -> None:
    """Draw a paper ticket with notches and a dashed tear line on a warm page."""
    palette = TOKRI_DARK if screen.dark else TOKRI
    payment, middle, y = screen.payment, screen.width / 2, screen.top + 84
    screen.box((0, 0, screen.width, screen.height), palette.page)
    _confetti(screen, y)
    screen.text((22, screen.top + 30), "tokri", Pen(24, palette.accent, bold=True))
    screen.icon("home", (screen.width - 32, screen.top + 30), 22, palette.ink)
    screen.card((22, y, screen.width - 22, y + 452), palette.card, 20)
    sign(screen, (middle, y), 30, "check", ("#3d9a4b", WHITE))
    screen.text((middle, y + 54), "Money sent!", Pen(20, palette.ink, True, "middle"))
    screen.text((middle, y + 82), payment.rupees_paise, Pen(32, palette.accent, True, "middle"))
    screen.text((middle, y + 116), f"to {SOCIETY}", Pen(14.5, palette.ink, align="middle"))
    screen.text((middle, y + 138), SOCIETY_HANDLE, Pen(12.5, palette.soft, align="middle"))
    for x in (22, screen.width - 22):
        screen.disc((x, y + 170), 12, palette.page)
    screen.dashes(y + 170, palette.line, 42, screen.width - 42)
    _tokri_facts(screen, palette, y + 182)
    _tokri_foot(screen, palette, y + 474)
    screen.bars(palette.ink)


def _tokri_facts(screen: Screen, palette: Palette, y: float) -> None:
    payment = screen.payment
    facts = (
        ("Date", payment.day),
        ("Time", clock(payment.paid_at)),
        ("From", payment.payer),
        ("Account", f"Tamarind Bank **{payment.account}"),
        ("Remark", payment.note),
        ("Bank ref. no.", payment.reference),
    )
    listed(screen, (42, y, screen.width - 42, y + 250), facts, palette)


def _tokri_foot(screen: Screen, palette: Palette, below: float) -> None:
    """Draw two buttons below the ticket, over its end where the screen is short."""
    middle, y = screen.width / 2, min(below, screen.bottom - 56)
    screen.box((0, y - 10, screen.width, screen.height), palette.page)
    save = (palette.card, palette.accent)
    button(screen, (22, y, middle - 6, y + 46), "Save", save, "download")
    share = (palette.accent, WHITE)
    button(screen, (middle + 6, y, screen.width - 22, y + 46), "Share", share, "share")
    if screen.bottom - y > 90:  # noqa: PLR2004 - dp that the slogan needs
        foot = Pen(11.5, palette.soft, align="middle")
        screen.text((middle, screen.bottom - 20), "Money in your basket since 2021", foot)


def _confetti(screen: Screen, y: float) -> None:
    """Scatter dots behind the ticket, in the same places for every payment."""
    colours = ("#f2a65a", "#e07a5f", "#81b29a", "#f2cc8f", "#6d8fb8")
    places = Random("confetti")
    for number in range(46):
        at = (places.uniform(8, screen.width - 8), y - places.uniform(8, 72))
        if at[0] > 96 and at[0] < screen.width - 52:  # noqa: PLR2004 - the logo and the icon stay clear
            screen.disc(at, places.uniform(1.5, 3.6), colours[number % len(colours)])
