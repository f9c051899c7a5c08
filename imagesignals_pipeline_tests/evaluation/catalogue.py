"""Which receipts there are: templates, screens and fonts of each half, and what is done to them."""

from imagesignals_pipeline_tests.evaluation import alterations, alterations_exam
from imagesignals_pipeline_tests.evaluation.alterations import Alteration
from imagesignals_pipeline_tests.evaluation.receipts import Device, Half, Template

TUNE_PHONES = (
    Device(360, 800, 2),
    Device(360, 780, 3),
    Device(360, 800, 3),
    Device(414, 896, 2),
    Device(375, 667, 2),
)
TUNE_CARDS = (Device(360, 640, 3), Device(384, 640, 2))
TUNE_DESKTOPS = (Device(1366, 768, 1), Device(1280, 800, 1))
TUNE_PAGES = (Device(794, 1123, 1), Device(794, 1123, 1.5))
REPORT_PHONES = (
    Device(390, 844, 3),
    Device(360, 803, 3),
    Device(412, 824, 2.625),
    Device(360, 760, 2),
    Device(428, 926, 3),
)
REPORT_CARDS = (Device(375, 620, 3), Device(400, 660, 2))
REPORT_DESKTOPS = (Device(1440, 900, 1), Device(1152, 720, 1.25))
REPORT_PAGES = (Device(816, 1056, 1), Device(816, 1056, 1.25))
EXAM_PHONES = (
    Device(393, 852, 3),
    Device(393, 873, 2.75),
    Device(412, 915, 2.625),
    Device(360, 640, 2),
    Device(384, 853, 1.875),
)
EXAM_WIDE = (Device(674, 842, 2.625), Device(800, 1180, 1.5), Device(820, 1180, 2))
EXAM_CARDS = (Device(360, 560, 3), Device(640, 360, 2), Device(600, 315, 2))
EXAM_SLIPS = (Device(360, 720, 2), Device(320, 640, 3))
EXAM_DESKTOPS = (Device(1536, 864, 1.25), Device(1680, 945, 1), Device(1920, 1080, 1))
EXAM_PAGES = (Device(794, 1123, 1.25), Device(794, 1123, 2), Device(816, 1056, 1.5))
PHONES = (*TUNE_PHONES, *REPORT_PHONES, *EXAM_PHONES)
"""Screens with a status bar."""

TUNE_FONTS = ("Roboto", "Noto Sans", "Open Sans", "DejaVu Sans", "Liberation Sans")
TUNE_SERIFS = ("Noto Serif", "Liberation Serif", "DejaVu Serif")
TUNE_MONO = ("DejaVu Sans Mono", "Liberation Mono")
REPORT_FONTS = ("Inter", "Lato", "Manrope", "Karla", "Cantarell", "Carlito")
REPORT_MONO = ("Hack", "Noto Sans Mono")
EXAM_FONTS = ("Cabin", "PT Sans", "Play", "Dosis", "Quicksand", "Roboto Condensed")
EXAM_SMALL = ("PT Sans Caption", "Noto Sans Display", "DejaVu Sans Condensed")
EXAM_SERIFS = ("PT Serif", "Noto Serif Display")
EXAM_MONO = ("PT Mono", "Noto Mono")

ALTERATIONS: dict[Half, tuple[Alteration, ...]] = {
    "tune": alterations.ALTERATIONS,
    "report": alterations.ALTERATIONS,
    "exam": alterations_exam.ALTERATIONS,
}

TEMPLATES: dict[Half, tuple[Template, ...]] = {
    "tune": (
        Template("tune", "paynest", TUNE_PHONES, TUNE_FONTS),
        Template("tune", "harbour_sms", TUNE_PHONES, TUNE_FONTS, thread=4),
        Template("tune", "ledger_desktop", TUNE_DESKTOPS, TUNE_FONTS, dark=False, thread=5),
        Template("tune", "rupia_share", TUNE_CARDS, TUNE_FONTS, dark=False),
        Template("tune", "sahyadri_app", TUNE_PHONES, TUNE_FONTS),
        Template("tune", "mail_phone", TUNE_PHONES, TUNE_FONTS),
        Template("tune", "mail_desktop", TUNE_DESKTOPS, TUNE_FONTS, dark=False),
        Template("tune", "advice_page", TUNE_PAGES, TUNE_SERIFS, dark=False, paper=True),
        Template("tune", "history_list", TUNE_PHONES, TUNE_FONTS, thread=5),
        Template("tune", "group_chat", TUNE_PHONES, TUNE_FONTS, thread=5),
        Template("tune", "mono_wallet", TUNE_PHONES, TUNE_MONO),
        Template("tune", "bottom_sheet", TUNE_PHONES, TUNE_FONTS),
        Template("tune", "counter_slip", TUNE_CARDS, TUNE_MONO, dark=False, paper=True),
        Template("tune", "transfer_desktop", TUNE_DESKTOPS, TUNE_FONTS, dark=False),
        Template("tune", "hindi_app", TUNE_PHONES, TUNE_FONTS),
    ),
    "report": (
        Template("report", "zippay", REPORT_PHONES, REPORT_FONTS),
        Template("report", "godavari_sms", REPORT_PHONES, REPORT_FONTS, thread=4),
        Template("report", "passbook", REPORT_PHONES, REPORT_FONTS, thread=7),
        Template("report", "teal_card", REPORT_CARDS, REPORT_FONTS),
        Template("report", "crown_bank", REPORT_PHONES, REPORT_FONTS),
        Template("report", "inbox_phone", REPORT_PHONES, REPORT_FONTS),
        Template("report", "inbox_desktop", REPORT_DESKTOPS, REPORT_FONTS, dark=False),
        Template("report", "letter_page", REPORT_PAGES, REPORT_FONTS, dark=False, paper=True),
        Template("report", "statement_page", REPORT_PAGES, REPORT_FONTS, dark=False, thread=8),
        Template("report", "helper_bot", REPORT_PHONES, REPORT_FONTS, thread=4),
        Template("report", "confetti", REPORT_PHONES, REPORT_FONTS),
        Template("report", "tracker", REPORT_PHONES, REPORT_FONTS),
        Template("report", "terminal_slip", REPORT_CARDS, REPORT_MONO, paper=True),
        Template("report", "portal_desktop", REPORT_DESKTOPS, REPORT_FONTS),
        Template("report", "tamil_app", REPORT_PHONES, REPORT_FONTS),
    ),
    "exam": (
        Template("exam", "ripple_upi", EXAM_PHONES, EXAM_FONTS),
        Template("exam", "wallet_sheet", EXAM_PHONES, EXAM_FONTS, thread=5),
        Template("exam", "nidhi_table", EXAM_PHONES, EXAM_SMALL),
        Template("exam", "netbank_desktop", EXAM_DESKTOPS, EXAM_SMALL, dark=False),
        Template("exam", "webmail", EXAM_DESKTOPS, EXAM_FONTS),
        Template("exam", "mail_receipt", EXAM_PHONES, EXAM_FONTS, dark=False),
        Template("exam", "sms_bubbles", EXAM_PHONES, EXAM_FONTS, thread=3),
        Template("exam", "forwarded_chat", EXAM_PHONES, EXAM_FONTS, thread=2),
        Template("exam", "voucher_page", EXAM_PAGES, EXAM_SERIFS, dark=False, paper=True),
        Template("exam", "passbook_print", EXAM_PAGES, EXAM_MONO, dark=False, thread=9, paper=True),
        Template("exam", "card_slip", EXAM_SLIPS, EXAM_MONO, dark=False, paper=True),
        Template("exam", "share_card", EXAM_CARDS, EXAM_FONTS),
        Template("exam", "sheet_ledger", EXAM_DESKTOPS, EXAM_SMALL, thread=11),
        Template("exam", "fold_bank", EXAM_WIDE, EXAM_FONTS),
        Template("exam", "small_print", EXAM_PHONES, EXAM_SMALL, dark=False),
        Template("exam", "urdu_app", EXAM_PHONES, EXAM_FONTS),
        Template("exam", "bengali_app", EXAM_PHONES, EXAM_FONTS),
        Template("exam", "amoled", EXAM_PHONES, EXAM_FONTS),
        Template("exam", "minimal", EXAM_PHONES, EXAM_FONTS),
        Template("exam", "promo_banner", EXAM_PHONES, EXAM_FONTS),
    ),
}
