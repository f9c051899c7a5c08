"""Which stored pictures are the same, settled so that the order of arrival does not matter.

Every picture has a place: that of its first submission. It is compared with the few earlier
pictures that its descriptor finds most alike, so the comparisons are a function of the set of
pictures alone. Pictures that arrive in order cost nothing but their own comparisons; for one that
arrives late, moves or goes, others are looked at again.
"""

from imagesignals_pipeline.matching.asking import REACH, Reach
from imagesignals_pipeline.matching.looking import Call, Seen, here
from imagesignals_pipeline.matching.moving import forget_strays
from imagesignals_pipeline.matching.settling import Settled, foresee, recheck, settle

__all__ = [
    "REACH",
    "Call",
    "Reach",
    "Seen",
    "Settled",
    "foresee",
    "forget_strays",
    "here",
    "recheck",
    "settle",
]
