"""Bytes of strangers -> upright pixels -> signals (pure; limits of time and memory: workers)."""
