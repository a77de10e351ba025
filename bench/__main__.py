"""What the benches found last, each way of doing something against its baseline: `python -m bench`.

One of them is run by its name, for example `python -m bench.remap --save`.
"""

from __future__ import annotations

import json
import sys

from bench.table import RESULTS, lines


def main() -> int:
    """Print a table of every kept result that compares ways; name the others."""
    others = []
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        if "ways" in result:
            print("\n".join(lines(result)))
        else:
            others.append(path.name)
    print(f"\nWithout a baseline, in {RESULTS.name}/: {', '.join(others)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
