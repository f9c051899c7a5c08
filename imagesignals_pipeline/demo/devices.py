"""The devices that the residents pay with: their sizes, status bars and navigation bars."""

from dataclasses import dataclass
from enum import StrEnum

from imagesignals_pipeline.demo.canvas import Canvas, Pen
from imagesignals_pipeline.demo.payment import Payment


class System(StrEnum):
    """What draws the bars around an app."""

    BUTTONS = "buttons"
    GESTURES = "gestures"
    ROUND = "round"
    BROWSER = "browser"
    PAPER = "paper"


@dataclass(frozen=True, slots=True)
class Device:
    """A screen of `width` by `height` pixels, `scale` of them to a dp."""

    width: int
    height: int
    scale: float
    system: System

    @property
    def status_dp(self) -> float:
        """Height of the status bar in dp."""
        return {System.BUTTONS: 24, System.GESTURES: 32, System.ROUND: 47}.get(self.system, 0)

    @property
    def bottom_dp(self) -> float:
        """Height of the navigation bar in dp."""
        return {System.BUTTONS: 48, System.GESTURES: 22, System.ROUND: 30}.get(self.system, 0)


SMALL = Device(720, 1600, 2, System.BUTTONS)
OLD = Device(1080, 1920, 3, System.BUTTONS)
TALL = Device(1080, 2400, 2.75, System.GESTURES)
MIDDLE = Device(1080, 2340, 2.8, System.BUTTONS)
LONG = Device(1080, 2520, 2.75, System.GESTURES)
ROUND = Device(1170, 2532, 3, System.ROUND)
ROUND_SMALL = Device(828, 1792, 2, System.ROUND)
TABLET = Device(1200, 1920, 2, System.GESTURES)
LAPTOP = Device(1366, 768, 1, System.BROWSER)
DESKTOP = Device(1920, 1080, 1.25, System.BROWSER)
SHEET = Device(1240, 1754, 1.5, System.PAPER)


class Screen(Canvas):
    """A canvas of one device, showing one payment; apps draw between `top` and `bottom` dp."""

    def __init__(self, device: Device, payment: Payment, background: str, *, dark: bool) -> None:
        super().__init__((device.width, device.height), device.scale, background)
        self.device = device
        self.payment = payment
        self.dark = dark
        self.top = device.status_dp
        self.bottom = self.height - device.bottom_dp

    def bars(self, ink: str, bottom_ink: str | None = None) -> None:
        """Draw the status bar and the navigation bar in the colour of their signs."""
        match self.device.system:
            case System.BUTTONS:
                self._status(ink, self.top / 2 + 0.5, 12)
                self._buttons(bottom_ink or ink)
            case System.GESTURES:
                self._status(ink, self.top / 2 + 2, 13)
                self._pill(bottom_ink or ink, 108, 12)
            case System.ROUND:
                self._round_status(ink)
                self._pill(bottom_ink or ink, 134, 11)
            case System.BROWSER | System.PAPER:
                pass

    def _status(self, ink: str, y: float, size: float) -> None:
        """Draw the clock on the left, radio signs and battery on the right."""
        shown = self.payment.shown_at
        self.text((18, y), f"{shown.hour % 12 or 12}:{shown:%M}", Pen(size, ink))
        chance = self.payment.chance("status bar")
        for place in range(chance.randint(0, 3)):
            sign = chance.choice(("smile", "bell", "inbox", "download", "wallet"))
            self.icon(sign, (62 + place * 17, y), 12, ink)
        right = self.width - 16
        percent = f"{self.payment.battery}%"
        right -= self.text((right, y), percent, Pen(size - 1, ink, align="right")) + 12
        self._upright_battery((right + 4, y), ink)
        self.icon("bars", (right - 12, y - 0.5), 13, ink)
        self.icon("wifi", (right - 29, y), 15, ink)
        self.text((right - 40, y), chance.choice(("5G", "4G", "5G+")), Pen(9, ink, align="right"))

    def _upright_battery(self, centre: tuple[float, float], ink: str) -> None:
        x, y = centre
        full = 11 * self.payment.battery / 100
        self.box((x - 1.5, y - 7, x + 1.5, y - 5.5), ink)
        self.card((x - 3.5, y - 5.5, x + 3.5, y + 6.5), _faint(ink), 1.5)
        self.card((x - 3.5, y + 6.5 - max(3, full), x + 3.5, y + 6.5), ink, 1.5)

    def _round_status(self, ink: str) -> None:
        """Draw a status bar with a centred clock on the left and a lying battery."""
        shown, y = self.payment.shown_at, 26.0
        pen = Pen(16, ink, bold=True, align="middle")
        self.text((52, y), f"{shown.hour % 12 or 12}:{shown:%M}", pen)
        right = self.width - 26
        self.card((right - 24, y - 5.75, right, y + 5.75), _faint(ink), 3.5)
        level = max(5.0, 24 * self.payment.battery / 100)
        self.card((right - 24, y - 5.75, right - 24 + level, y + 5.75), ink, 3.5)
        self.card((right + 1.3, y - 2, right + 2.8, y + 2), _faint(ink), 0.8)
        self.icon("wifi", (right - 38, y), 17, ink)
        self.icon("signal", (right - 60, y - 0.5), 17, ink)

    def _buttons(self, ink: str) -> None:
        y = self.height - 24
        for place, sign in ((0.22, "triangle"), (0.5, "circle"), (0.78, "square")):
            self.icon(sign, (self.width * place, y), 19, ink)

    def _pill(self, ink: str, width: float, above: float) -> None:
        middle, y = self.width / 2, self.height - above
        self.card((middle - width / 2, y - 2.4, middle + width / 2, y + 2.4), ink, 2.4)


def _faint(ink: str) -> str:
    """Return the colour of an empty battery: the sign's own, halfway to mid grey."""
    parts = (int(ink[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{(part + 2 * 150) // 3:02x}" for part in parts)
