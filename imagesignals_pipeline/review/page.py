"""Renders the page and the report: what is shown was written by strangers, so all is escaped."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from imagesignals_pipeline import dates
from imagesignals_pipeline.review import words
from imagesignals_pipeline.review.filters import Filters
from imagesignals_pipeline.review.groups import Altered, Counts, Coverage, Group, Page
from imagesignals_pipeline.review.pictures import Pair

FILTER_CLASSES = {"tier": "t", "month": "m", "flat": "f", "decision": "d"}
"""What a group's classes begin with: the report is filtered by its style, without a script."""


@dataclass(frozen=True, slots=True)
class Html:
    """A document and the policy under which it is to be shown."""

    text: str
    policy: str


@dataclass(frozen=True, slots=True)
class Part:
    """The copies of a group that one page shows: part `number` of `parts`, counted from 1."""

    number: int
    parts: int
    first: int
    last: int

    @classmethod
    def of(cls, copies: int, number: int, size: int) -> "Part":
        """Return the part of that number, or the nearest one that there is.

        >>> Part.of(120, 9, 50)
        Part(number=3, parts=3, first=101, last=120)
        """
        parts = max(1, -(-copies // size))
        number = min(max(number, 1), parts)
        return cls(number, parts, (number - 1) * size + 1, min(number * size, copies))

    def words(self, number: int | None = None) -> dict[str, str]:
        """Return it, or another one, as it stands in a URL."""
        number = number or self.number
        return {"part": str(number)} if number > 1 else {}


@dataclass(frozen=True, slots=True)
class Session:
    """What the forms of the served page carry, and how it shows pictures and times.

    `pictures` is false when none may be shown; `zone` is where its readers are.
    """

    token: str = ""
    reviewer: str = ""
    pictures: bool = True
    zone: tzinfo = UTC


def data_uri(content: bytes, media_type: str) -> str:
    """Return a file as a URL that holds all of it."""
    return f"data:{media_type};base64,{b64encode(content).decode()}"


def list_page(  # noqa: PLR0913 - a page has many parts
    page: Page,
    counts: Counts,
    filters: Filters,
    here: Mapping[str, str],
    session: Session,
    *,
    coverage: Coverage | None = None,
) -> Html:
    """Return a page of the list; `here` is its own place, `coverage` told if it has no copies."""
    return _served(
        "list.html",
        page=page,
        counts=counts,
        coverage=coverage,
        chosen=filters.words(),
        here=here,
        pictures=session.pictures,
        zone=session.zone,
    )


def group_page(  # noqa: PLR0913 - a page has many parts
    group: Group,
    pairs: Sequence[Pair],
    filters: Filters,
    here: Mapping[str, str],
    session: Session,
    *,
    part: Part,
    following: UUID | None = None,
    saved: str = "",
    problem: str = "",
    typed: Mapping[str, str] | None = None,
) -> Html:
    """Return the page of a group with the forms for decisions.

    `pairs` are those of its copies that are in this part of it. `typed` is a form that was refused:
    what is in it is there again.
    """
    return _served(
        "group.html",
        group=group,
        pairs=pairs,
        part=part,
        typed=typed or {},
        chosen=filters.words(),
        here=here,
        token=session.token,
        reviewer=session.reviewer,
        pictures=session.pictures,
        zone=session.zone,
        following=following,
        saved=saved,
        problem=problem,
    )


def problem_page(title: str, problem: str, *, note: str = "", group: UUID | None = None) -> Html:
    """Return a page that says what is wrong; it repeats a note, and leads to a group, if given."""
    return _served("problem.html", title=title, problem=problem, note=note, group=group)


@dataclass(frozen=True, slots=True)
class Trends:
    """What changes from month to month: a picture as a URL that holds it, and its table."""

    picture: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Cover:
    """What all files of a report say: when it was made, and how many of all groups it shows.

    `altered` are the latest of `altered_total`.
    """

    counts: Counts
    coverage: Coverage
    made_at: datetime
    total: int
    shown: int
    pictures: bool
    trends: Trends | None = None
    zone: tzinfo = UTC
    altered: Sequence[Altered] = ()
    altered_total: int = 0


@dataclass(frozen=True, slots=True)
class Leaf:
    """One file of a report: some of its groups, each with those of its copies that are shown.

    `embedded` has the pictures that they need, as URL, width and height; `files` are the names of
    all files, of which this is the one of that number, counted from 1.
    """

    groups: Sequence[tuple[Group, Sequence[Pair]]]
    embedded: Mapping[UUID, tuple[str, int, int]]
    number: int
    files: Sequence[str]


def report_page(leaf: Leaf, cover: Cover) -> Html:
    """Return one file of the report, which needs nothing beside itself."""
    page_counts = _counts(group for group, _ in leaf.groups)
    chosen = [(name, value) for name, values in page_counts.items() for value in values]
    passing = sorted({_passing(group) for group, _ in leaf.groups})
    style = _style() + "".join([*(_rule(name, value) for name, value in chosen), *passing])
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return _rendered(
        "report.html",
        style,
        policy,
        in_itself=True,
        groups=leaf.groups,
        embedded=leaf.embedded,
        number=leaf.number,
        files=leaf.files,
        cover=cover,
        pictures=cover.pictures,
        zone=cover.zone,
        page_counts={f"{name}s": values for name, values in page_counts.items()},
    )


def chart(months: Sequence[str], series: Mapping[str, Sequence[int]]) -> str:
    """Return an SVG document with a row of bars for each series; there is a month at least."""
    template = _environment().get_template("chart.svg")
    return template.render(months=months, series=series)


def address(path: str, *parts: Mapping[str, str]) -> str:
    """Return an address with the words of filters and place."""
    asked = urlencode([pair for part in parts for pair in part.items()])
    return f"{path}?{asked}" if asked else path


def _served(template: str, **values: Any) -> Html:  # noqa: ANN401 - whatever the template names
    policy = (
        f"default-src 'none'; style-src '{_hash(_style())}'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return _rendered(template, _style(), policy, in_itself=False, **values)


def _rendered(template: str, style: str, policy: str, *, in_itself: bool, **values: Any) -> Html:  # noqa: ANN401
    """Render a template; a document that no server sends carries its policy in itself."""
    text = (
        _environment()
        .get_template(template)
        .render(
            style=Markup(style),  # noqa: S704 - of our own file, and of numbers and names of ours
            policy=policy if in_itself else "",
            **values,
        )
    )
    return Html(text, policy)


def _counts(groups: Iterable[Group]) -> dict[str, dict[str, int]]:
    """Count the copies of some groups by each filter's values."""
    found: dict[str, dict[str, int]] = {name: {} for name in FILTER_CLASSES}
    for group in groups:
        for copy in group.copies:
            flat = "same" if copy.same_flat else "other"
            values = (str(copy.tier), copy.month, flat, copy.decision)
            for name, value in zip(FILTER_CLASSES, values, strict=True):
                found[name][value] = found[name].get(value, 0) + 1
    return {name: dict(sorted(values.items())) for name, values in found.items()}


def _classes(group: Group) -> str:
    """Return the classes by which the report's style filters a group."""
    counts = _counts([group])
    return " ".join(
        f"{prefix}-{value}" for name, prefix in FILTER_CLASSES.items() for value in counts[name]
    )


def _rule(name: str, value: str) -> str:
    """Return what hides the groups that a filter of the report leaves out."""
    return (
        f'body:has(#{name} option[value="{value}"]:checked) '
        f".group:not(.{FILTER_CLASSES[name]}-{value}){{display:none}}\n"
    )


def _passing(group: Group) -> str:
    """Return what hides the line that no group is left, as long as this one passes the filters."""
    asked = ""
    for name, values in _counts([group]).items():
        options = ",".join(f'[value="{value}"]' for value in ("", *values))
        asked += f":has(#{name} option:is({options}):checked)"
    return f"body{asked} .none{{display:none}}\n"


@pass_context
def _day(context: Context, moment: datetime) -> str:
    return dates.day(moment, context["zone"])


@pass_context
def _minute(context: Context, moment: datetime) -> str:
    return words.minute(moment, context["zone"])


def _hash(style: str) -> str:
    return f"sha256-{b64encode(sha256(style.encode()).digest()).decode()}"


@cache
def _style() -> str:
    return files("imagesignals_pipeline.review").joinpath("html", "style.css").read_text("utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("imagesignals_pipeline.review", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    named: dict[str, Any] = {"words": words, "url": address, "request_id": uuid4}
    environment.globals.update(named)
    shown: dict[str, Callable[..., Any]] = {
        "classes": _classes,
        "day": _day,
        "flat": words.flat,
        "minute": _minute,
        "months": words.months,
        "plural": words.plural,
    }
    environment.filters.update(shown)
    return environment
