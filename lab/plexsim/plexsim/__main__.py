"""The programs of the server, chosen by the name they run under."""

from __future__ import annotations

import sys

from . import analyser_main, process, scanner_main, server

PROGRAMS = {
    process.SERVER: server.main,
    process.SCANNER: scanner_main.main,
    process.ANALYSER: analyser_main.main,
}


if __name__ == "__main__":
    name, *rest = process.become()
    sys.exit(PROGRAMS[name](rest))
