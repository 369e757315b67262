"""How large the long cases are: `BENCH_SHARE=0.1 python -m bench peers` takes a tenth of everything, to try them out."""

import os


def share(full: int) -> int:
    """Return a size of a case, less where `BENCH_SHARE` says so."""
    return max(1, round(full * float(os.environ.get("BENCH_SHARE", "1"))))
