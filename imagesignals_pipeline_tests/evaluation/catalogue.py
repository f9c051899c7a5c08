"""Which receipts there are: templates, screens and fonts of the two halves."""

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

TUNE_FONTS = ("Roboto", "Noto Sans", "Open Sans", "DejaVu Sans", "Liberation Sans")
TUNE_SERIFS = ("Noto Serif", "Liberation Serif", "DejaVu Serif")
TUNE_MONO = ("DejaVu Sans Mono", "Liberation Mono")
REPORT_FONTS = ("Inter", "Lato", "Manrope", "Karla", "Cantarell", "Carlito")
REPORT_MONO = ("Hack", "Noto Sans Mono")

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
}
