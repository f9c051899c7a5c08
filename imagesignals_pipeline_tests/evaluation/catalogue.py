"""Which receipts there are: templates, screens and fonts of the two halves."""

from imagesignals_pipeline_tests.evaluation.receipts import Device, Half, Template

TUNE_PHONES = (
    Device(360, 800, 2),
    Device(360, 780, 3),
    Device(360, 800, 3),
    Device(414, 896, 2),
    Device(375, 667, 2),
)
TUNE_DESKTOPS = (Device(1366, 768, 1), Device(1280, 800, 1))
REPORT_PHONES = (
    Device(390, 844, 3),
    Device(360, 803, 3),
    Device(412, 824, 2.625),
    Device(360, 760, 2),
    Device(428, 926, 3),
)
REPORT_DESKTOPS = (Device(1440, 900, 1), Device(1152, 720, 1.25))

TUNE_FONTS = ("Roboto", "Noto Sans", "Open Sans", "DejaVu Sans", "Liberation Sans")
REPORT_FONTS = ("Inter", "Lato", "Manrope", "Karla", "Cantarell")

TEMPLATES: dict[Half, tuple[Template, ...]] = {
    "tune": (
        Template("tune", "paynest", TUNE_PHONES, TUNE_FONTS),
        Template("tune", "harbour_sms", TUNE_PHONES, TUNE_FONTS, thread=4),
        Template("tune", "ledger_desktop", TUNE_DESKTOPS, TUNE_FONTS, dark=False, thread=5),
    ),
    "report": (Template("report", "zippay", REPORT_PHONES, REPORT_FONTS),),
}
