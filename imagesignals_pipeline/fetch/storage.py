"""Supabase Storage as it is: forms of URLs, keys, and what its answers mean."""


class StorageMisconfigured(Exception):  # noqa: N818  (says what is the case, as its message does)
    """The storage itself refuses us (wrong key, missing bucket); the run should stop.

    The message is one line for the operator and names the variable to set.
    """
