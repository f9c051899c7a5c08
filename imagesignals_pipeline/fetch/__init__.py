"""`screenshot_url` -> bytes or a Failure, within limits, wherever the URL may point."""

from imagesignals_pipeline.fetch.fetcher import Fetcher
from imagesignals_pipeline.fetch.settings import FetchMisconfiguredError, FetchSettings
from imagesignals_pipeline.fetch.storage import StorageMisconfiguredError

__all__ = ["FetchMisconfiguredError", "FetchSettings", "Fetcher", "StorageMisconfiguredError"]
