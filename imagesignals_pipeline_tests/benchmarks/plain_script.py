"""The straightforward script: what an afternoon gives, and what the pipeline is compared with.

It notes size, camera and editor, and marks a picture as a duplicate if an earlier one has the same
dHash, as the live application does. It has no limits, no retries, and accuses honest people (see
docs/matching.md).

    DATABASE_URL=postgresql://… python -m imagesignals_pipeline_tests.benchmarks.plain_script
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import imagehash
import psycopg2
import requests
from PIL import ExifTags, Image

THREADS = 16
PENDING = """
    select id, screenshot_url from payment_submissions as submission
    where screenshot_url is not null and not exists (
        select from payment_image_signals where payment_submission_id = submission.id
    ) order by created_at, id
"""
UPSERT = """
    insert into payment_image_signals (
        payment_submission_id, image_url, perceptual_hash, similar_to_payment_id,
        duplicate_detected, exif_available, exif_editor_detected, resolution_width,
        resolution_height, analysis_status, analysis_error, analyzed_at
    ) select
        %(id)s, %(url)s, %(dhash)s, earlier.payment_submission_id, earlier is not null,
        %(exif)s, %(editor)s, %(width)s, %(height)s, %(status)s, %(error)s, now()
    from (select) as one left join lateral (
        select payment_submission_id from payment_image_signals
        where perceptual_hash = %(dhash)s and payment_submission_id <> %(id)s
        order by analyzed_at limit 1
    ) as earlier on true
    on conflict (payment_submission_id) do update set
        perceptual_hash = excluded.perceptual_hash, analysis_status = excluded.analysis_status,
        analysis_error = excluded.analysis_error, analyzed_at = excluded.analyzed_at
"""
NOTHING = dict.fromkeys(("dhash", "exif", "editor", "width", "height"))
local = threading.local()


def connect() -> None:
    """Give each thread a connection to the database and one to the storage."""
    local.database = psycopg2.connect(os.environ["DATABASE_URL"])
    local.database.autocommit = True
    local.http = requests.Session()


def look(content: bytes) -> dict[str, Any]:
    """Return what a picture tells."""
    with Image.open(BytesIO(content)) as image:
        exif = image.getexif()
        editor = exif.get(ExifTags.Base.Software)
        dhash = str(imagehash.dhash(image))
        seen = {"dhash": dhash, "exif": bool(exif), "editor": editor}
        return seen | {"width": image.width, "height": image.height}


def analyse(row: tuple[str, str]) -> None:
    """Fetch, look, and write one row."""
    try:
        answer = local.http.get(row[1], timeout=30)
        answer.raise_for_status()
        seen = {**look(answer.content), "status": "completed", "error": None}
    except (requests.RequestException, OSError) as error:
        seen = {**NOTHING, "status": "failed", "error": str(error)}
    with local.database.cursor() as cursor:
        cursor.execute(UPSERT, {"id": row[0], "url": row[1], **seen})


def main() -> None:
    """Analyse everything that has no row."""
    with psycopg2.connect(os.environ["DATABASE_URL"]) as database, database.cursor() as cursor:
        cursor.execute(PENDING)
        rows = cursor.fetchall()
    with ThreadPoolExecutor(THREADS, initializer=connect) as pool:
        for done, _ in enumerate(pool.map(analyse, rows), 1):
            if done % 100 == 0:
                print(f"{done} of {len(rows)}")


if __name__ == "__main__":
    main()
