"""The demonstration: a small society's submissions, and a store that serves their pictures."""

from imagesignals_pipeline.demo.load import NotADemoDatabaseError, load
from imagesignals_pipeline.demo.society import society
from imagesignals_pipeline.demo.store import DemoStore
from imagesignals_pipeline.demo.submission import DemoSubmission, Kind

__all__ = ["DemoStore", "DemoSubmission", "Kind", "NotADemoDatabaseError", "load", "society"]
