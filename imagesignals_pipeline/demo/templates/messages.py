"""Messages that tell of a payment: a bank's short messages, a chat, an e-mail."""

from datetime import timedelta

from imagesignals_pipeline.demo.canvas import Pen, wrap
from imagesignals_pipeline.demo.devices import Screen
from imagesignals_pipeline.demo.payment import (
    SOCIETY,
    SOCIETY_HANDLE,
    SOCIETY_LONG,
    clock,
    grouped,
)
from imagesignals_pipeline.demo.templates.parts import (
    DARK,
    LIGHT,
    WHITE,
    Palette,
    badge,
    listed,
    sign,
)


def sms(screen: Screen) -> None:
    """Draw a thread of a bank's short messages; the last one tells of the payment."""
    palette = DARK if screen.dark else LIGHT
    screen.box((0, 0, screen.width, screen.height), palette.card)
    top = screen.top
    screen.icon("back", (28, top + 30), 20, palette.ink)
    badge(screen, (70, top + 30), 18, "T", "#4a6fa5")
    screen.text((100, top + 30), "AX-TMRNDB-S", Pen(17, palette.ink))
    screen.icon("search", (screen.width - 64, top + 30), 20, palette.ink)
    screen.icon("more", (screen.width - 26, top + 30), 20, palette.ink)
    y = top + 82
    for day, words in _alerts(screen):
        screen.text((screen.width / 2, y), day, Pen(11.5, palette.soft, align="middle"))
        y = _bubble(screen, words, y + 18, palette) + 34
    _sms_foot(screen, palette)
    screen.bars(palette.ink)


def _alerts(screen: Screen) -> list[tuple[str, str]]:
    """Return the bank's messages, oldest first, each under its day."""
    payment, chance = screen.payment, screen.payment.chance("alerts")
    rest = chance.randint(9_000, 190_000)
    earlier = payment.paid_at - timedelta(days=chance.randint(1, 6), minutes=chance.randint(5, 700))
    shop = chance.choice(("NEEM PROVISION STORES", "BLUEBELL MEDICALS", "METRO CARD TOPUP"))
    spent = chance.randint(90, 2_900)
    account = f"A/c XX{payment.account}"
    first = (
        f"Rs.{grouped(spent)}.00 debited from {account} on {earlier:%d-%b-%y} at {shop}. "
        f"Avl Bal Rs.{grouped(rest + payment.amount)}.{chance.randint(0, 99):02d} -Tamarind Bank"
    )
    second = (
        f"Dear Customer, {account} is debited for Rs.{grouped(payment.amount)}.00 on "
        f"{payment.paid_at:%d-%b-%y} and {SOCIETY_HANDLE} credited. "
        f"UPI Ref {payment.reference}. Avl Bal Rs.{grouped(rest)}.00. "
        "Not you? Call 1800 000 0417 -Tamarind Bank"
    )
    return [
        (f"{earlier:%A}, {earlier.day} {earlier:%b}  {clock(earlier)}", first),
        (f"{payment.paid_at:%A}, {payment.day}  {payment.clock}", second),
    ]


def _bubble(screen: Screen, words: str, y: float, palette: Palette) -> float:
    """Draw a received message; return the height of its lower edge."""
    pen = Pen(15.5, palette.ink)
    width = min(screen.width - 84, 420)
    height = len(wrap(words, pen, width - 32)) * pen.size * 1.38 + 20
    fill = "#26303c" if screen.dark else "#e9eef6"
    screen.card((16, y, 16 + width, y + height), fill, 18)
    screen.paragraph((32, y + 20), words, pen, width - 32)
    return y + height


def _sms_foot(screen: Screen, palette: Palette) -> None:
    y = screen.bottom - 34
    words = "Can't reply to this short code."
    screen.rule(y - 26, palette.line)
    screen.text((screen.width / 2, y), words, Pen(12.5, palette.soft, align="middle"))


CHAT = Palette("#efe7dc", "#ffffff", "#16211f", "#71807c", "#d8d2c6", "#2563a8")
CHAT_DARK = Palette("#0c1317", "#1f2a31", "#e7edef", "#8797a0", "#2b3840", "#7db8f0")


def chat(screen: Screen) -> None:
    """Draw a chat with the society's treasurer in which the payer reports the payment."""
    palette = CHAT_DARK if screen.dark else CHAT
    screen.box((0, 0, screen.width, screen.height), palette.page)
    _chat_pattern(screen)
    y = screen.top + 82
    words = f"{screen.payment.day}"
    screen.card((screen.width / 2 - 48, y, screen.width / 2 + 48, y + 26), palette.card, 9)
    screen.text((screen.width / 2, y + 13), words, Pen(12, palette.soft, align="middle"))
    y += 40
    for words, mine, minutes in _conversation(screen):
        y = _said(screen, palette, (words, mine, minutes), y) + 9
    _chat_head(screen, palette)
    _chat_foot(screen, palette)
    screen.bars(palette.ink if screen.dark else WHITE, palette.ink)


def _conversation(screen: Screen) -> list[tuple[str, bool, int]]:
    """Return what was said, by the payer or not, and how many minutes after the payment."""
    payment, chance = screen.payment, screen.payment.chance("chat")
    month = f"{payment.paid_at:%B}"
    asked = chance.choice(
        (
            f"Good evening, maintenance for {month} is due on the 10th. Please share proof here.",
            f"Gentle reminder: {month} maintenance of flat {payment.flat_id} is pending.",
            f"Hello, have you paid for {month}? I am closing the register today.",
        )
    )
    report = (
        f"Paid {payment.rupees_paise} to {SOCIETY} by UPI on {payment.day}, {payment.clock}. "
        f"Ref no {payment.reference}. From A/c XX{payment.account}, flat {payment.flat_id}, "
        f"{payment.payer}"
    )
    reply = chance.choice(("Received, thank you.", "Thanks! Receipt will follow.", "Noted."))
    said = [
        (asked, False, -chance.randint(4, 200)),
        (chance.choice(("Doing it now", "Yes, just a minute", "Paying right away")), True, -2),
        (report, True, 1),
        (reply, False, 3),
    ]
    shown = (payment.shown_at - payment.paid_at) // timedelta(minutes=1)
    return [part for part in said if part[2] <= max(1, shown)]


def _said(screen: Screen, palette: Palette, said: tuple[str, bool, int], y: float) -> float:
    """Draw one bubble; return the height of its lower edge."""
    words, mine, minutes = said
    pen = Pen(15, palette.ink)
    lines = wrap(words, pen, min(screen.width - 110, 420))
    width = max(110.0, max(screen.measure(line, pen) for line in lines) + 26)
    height = len(lines) * pen.size * 1.38 + 30
    left = screen.width - 14 - width if mine else 14.0
    fill = ("#1d4a6b" if screen.dark else "#d6e8fa") if mine else palette.card
    screen.card((left, y, left + width, y + height), fill, 12)
    for number, line in enumerate(lines):
        screen.text((left + 13, y + 17 + number * pen.size * 1.38), line, pen)
    when = clock(screen.payment.paid_at + timedelta(minutes=minutes)).lower()
    right = left + width - (30 if mine else 12)
    screen.text((right, y + height - 11), when, Pen(10.5, palette.soft, align="right"))
    if mine:
        screen.icon("ticks", (left + width - 18, y + height - 12), 14, palette.accent)
    return y + height


def _chat_pattern(screen: Screen) -> None:
    """Draw the faint wallpaper of the chat."""
    colour = "#131c22" if screen.dark else "#e6dccd"
    signs = ("star", "leaf", "bell", "home", "smile", "clock", "camera", "wallet")
    for row in range(int(screen.height // 62) + 1):
        for column in range(int(screen.width // 62) + 1):
            at = (26 + column * 62 + (row % 2) * 28, 26 + row * 62)
            screen.icon(signs[(row * 3 + column * 5) % len(signs)], at, 24, colour)


def _chat_head(screen: Screen, palette: Palette) -> None:
    fill = palette.card if screen.dark else "#1f4f86"
    top = screen.top
    screen.box((0, 0, screen.width, top + 58), fill)
    screen.icon("back", (22, top + 29), 20, WHITE)
    badge(screen, (58, top + 29), 18, "GH", "#c2573a")
    screen.text((88, top + 21), "Treasurer Gulmohar", Pen(16, WHITE, bold=True))
    screen.text((88, top + 41), "online", Pen(12, "#cddcec"))
    for icon, place in (("video", 102), ("phone", 62), ("more", 24)):
        screen.icon(icon, (screen.width - place, top + 29), 20, WHITE)


def _chat_foot(screen: Screen, palette: Palette) -> None:
    y = screen.bottom - 54
    screen.box((0, y - 4, screen.width, screen.height), palette.page)
    screen.card((10, y, screen.width - 62, y + 46), palette.card, 23)
    screen.icon("smile", (36, y + 23), 22, palette.soft)
    screen.text((60, y + 23), "Message", Pen(15.5, palette.soft))
    screen.icon("clip", (screen.width - 122, y + 23), 21, palette.soft)
    screen.icon("camera", (screen.width - 86, y + 23), 21, palette.soft)
    sign(screen, (screen.width - 34, y + 23), 22, "mic", ("#1f4f86", WHITE))


MAIL = Palette("#ffffff", "#f6f8fb", "#1d2430", "#67707f", "#e1e6ee", "#2f5bd7")
MAIL_DARK = Palette("#14171c", "#20242c", "#eceff4", "#98a1b0", "#333945", "#8fb0ff")


def email(screen: Screen) -> None:
    """Draw an e-mail in which the bank confirms the payment."""
    palette = MAIL_DARK if screen.dark else MAIL
    payment, top = screen.payment, screen.top
    screen.box((0, 0, screen.width, screen.height), palette.page)
    screen.icon("back", (28, top + 28), 20, palette.ink)
    for icon, place in (("inbox", 106), ("bin", 66), ("more", 26)):
        screen.icon(icon, (screen.width - place, top + 28), 20, palette.ink)
    subject = f"Payment of {payment.rupees_paise} to {SOCIETY} is successful"
    y = screen.paragraph((20, top + 76), subject, Pen(20, palette.ink), screen.width - 80)
    screen.icon("star", (screen.width - 32, top + 76), 19, palette.line)
    badge(screen, (42, y + 56), 20, "H", "#0d7f96")
    screen.text((74, y + 47), "Harbourline Bank", Pen(15, palette.ink, bold=True))
    screen.text((74, y + 67), f"to {payment.payer.split()[0].lower()}", Pen(12.5, palette.soft))
    when = f"{payment.day}, {clock(payment.paid_at)}"
    screen.text((screen.width - 20, y + 47), when, Pen(12, palette.soft, align="right"))
    _letter(screen, palette, y + 96)
    screen.bars(palette.ink)


def _letter(screen: Screen, palette: Palette, y: float) -> None:
    """Draw the body of the e-mail: a banner, a greeting and a table."""
    payment, right = screen.payment, screen.width - 20
    screen.card((20, y, right, y + 60), "#0b1a2e", 6)
    sign(screen, (50, y + 30), 15, "wave", ("#4fc3d9", "#0b1a2e"))
    screen.text((76, y + 30), "Harbourline", Pen(18, WHITE, bold=True))
    screen.text((20, y + 90), f"Dear {payment.payer},", Pen(14.5, palette.ink))
    words = f"Thank you for banking with us. Your payment to {SOCIETY_LONG} has been completed."
    end = screen.paragraph((20, y + 118), words, Pen(14.5, palette.ink), right - 20)
    facts = (
        ("Amount", payment.rupees_paise),
        ("Paid on", f"{payment.day} at {payment.clock}"),
        ("From account", f"XXXXXXXX{payment.account}"),
        ("Reference", payment.reference),
        ("Remarks", payment.note),
    )
    table = (20, end + 24, right, end + 24 + 40 * len(facts))
    screen.card(table, palette.card, 6, outline=palette.line)
    listed(screen, (34, table[1], right - 14, table[3]), facts, palette)
    words = "If you did not make this payment, call 1800 000 0533 at once. Please do not reply."
    screen.paragraph((20, table[3] + 34), words, Pen(12.5, palette.soft), right - 20)
    for number, name in enumerate(("Reply", "Forward")):
        left = 20 + number * ((right - 20) / 2 + 6)
        box = (left, screen.bottom - 58, left + (right - 20) / 2 - 6, screen.bottom - 16)
        screen.card(box, palette.page, 20, outline=palette.line)
        middle = (box[0] + box[2]) / 2
        screen.text((middle, screen.bottom - 37), name, Pen(14, palette.ink, align="middle"))
