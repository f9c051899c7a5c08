"""From a payment to the picture that its payer uploads: thirteen apps and papers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image

from imagesignals_pipeline.demo.devices import Device, Screen
from imagesignals_pipeline.demo.payment import Payment
from imagesignals_pipeline.demo.templates import bank_apps, messages, papers, payment_apps


class Style(StrEnum):
    """Which app, message or paper shows the payment."""

    PAYFINCH = "payfinch"
    KAURI = "kauri"
    ZESTLE = "zestle"
    TOKRI = "tokri"
    TAMARIND = "tamarind"
    HARBOURLINE = "harbourline"
    PEEPAL = "peepal"
    SMS = "sms"
    CHAT = "chat"
    EMAIL = "email"
    STATEMENT = "statement"
    NETBANKING = "netbanking"
    SLIP = "slip"


TEMPLATES: Mapping[Style, Callable[[Screen], None]] = {
    Style.PAYFINCH: payment_apps.payfinch,
    Style.KAURI: payment_apps.kauri,
    Style.ZESTLE: payment_apps.zestle,
    Style.TOKRI: payment_apps.tokri,
    Style.TAMARIND: bank_apps.tamarind,
    Style.HARBOURLINE: bank_apps.harbourline,
    Style.PEEPAL: bank_apps.peepal,
    Style.SMS: messages.sms,
    Style.CHAT: messages.chat,
    Style.EMAIL: messages.email,
    Style.STATEMENT: papers.statement,
    Style.NETBANKING: papers.netbanking,
    Style.SLIP: papers.slip,
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """A payment as one app shows it on one device, in its light or dark theme."""

    payment: Payment
    style: Style
    device: Device
    dark: bool = False


def draw(receipt: Receipt) -> Image.Image:
    """Draw a receipt, RGB, in its device's size; the same receipt always gives the same pixels."""
    screen = Screen(receipt.device, receipt.payment, "#ffffff", dark=receipt.dark)
    TEMPLATES[receipt.style](screen)
    return screen.image
