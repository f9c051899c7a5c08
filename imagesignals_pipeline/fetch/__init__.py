"""`screenshot_url` -> bytes or a Failure, within limits, wherever the URL may point."""

from imagesignals_pipeline.fetch.fetcher import Fetcher
from imagesignals_pipeline.fetch.settings import FetchMisconfigured, FetchSettings
from imagesignals_pipeline.fetch.storage import StorageMisconfigured

__all__ = ["FetchMisconfigured", "FetchSettings", "Fetcher", "StorageMisconfigured"]
