"""Reused processes for calls on bytes of strangers, which may crash, hang or eat memory."""

from imagesignals_pipeline.workers.arenas import share_arenas
from imagesignals_pipeline.workers.pool import (
    NoWorkersHereError,
    StoppedError,
    Workers,
    available_cores,
)
from imagesignals_pipeline.workers.process import Limits

__all__ = [
    "Limits",
    "NoWorkersHereError",
    "StoppedError",
    "Workers",
    "available_cores",
    "share_arenas",
]
