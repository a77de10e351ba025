"""`script/soak`: run campaigns by hand, or a bounded sample of each.

Several labs can share a campaign: `PLEX_BURST_LAB=2 script/soak mount_faults --count 1000 --part 2/3` beside 1/3 and
3/3 with other labs. Whoever asks for all of it afterwards finds what they did.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from soak import campaign

ROOT = Path(__file__).resolve().parents[1]
SEED = 1


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when every promise held, 1 when one broke, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="script/soak", description="Campaigns of faults and kills against promises.")
    parser.add_argument("campaign", nargs="*", help="which ones; all when none is named")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--count", type=int, help="cases of each campaign (default: its sample)")
    parser.add_argument("--seed", type=int, default=SEED, help="what cases are drawn from (default: %(default)s)")
    parser.add_argument("--again", action="store_true", help="forget earlier results instead of going on after them")
    parser.add_argument(
        "--part", type=_part, default=(1, 1), metavar="K/N", help="only every Nth case, from the Kth on"
    )
    parser.add_argument("--save", action="store_true", help="keep the summary in soak/results/")
    options = parser.parse_args(arguments)
    if options.count is not None and options.count < 1:
        parser.error(f"--count {options.count}: at least 1 case is needed.")
    try:
        chosen = {name: campaign.load(name) for name in options.campaign or campaign.names()}
    except ValueError as error:
        parser.error(str(error))
    if options.list:
        for name, module in chosen.items():
            print(f"{name:24} {(module.__doc__ or '').splitlines()[0]} ({module.SAMPLE} in script/test)")
        return 0
    held = True
    for name, module in chosen.items():
        held = _run(name, module, options) and held
    return 0 if held else 1


def _part(text: str) -> tuple[int, int]:
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError(f"{text!r} is no part; the second of three is 2/3.")
    return int(part), int(parts)


def _run(name: str, module: campaign.Campaign, options: argparse.Namespace) -> bool:
    results = ROOT / ".soak" / f"{name}-{options.seed}.jsonl"
    if options.again:
        results.unlink(missing_ok=True)
    found = campaign.run(module, options.count or module.SAMPLE, options.seed, results, print, part=options.part)
    told = campaign.summary(name, options.seed, found, getattr(module, "KEEP_ROWS", 0))
    if options.save:
        kept = ROOT / "soak" / "results" / f"{name}.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    print(f"{name}: {told['held']} of {told['cases']} held, {told['seconds']} s")
    for what, values in told["figures"].items():
        print(f"  {what:32} min {values['min']:.6g}  median {values['median']:.6g}  max {values['max']:.6g}")
    for row in told.get("rows", ()):
        print("  " + "  ".join(f"{what} {value}" for what, value in row.items()))
    return not told["broken"]


if __name__ == "__main__":
    sys.exit(main())
