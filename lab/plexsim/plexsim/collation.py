"""The order of ICU's root locale with numbers by value, for where ICU's own library is not at hand.

Exact for Latin, Greek and Cyrillic titles with common punctuation and for unmixed Japanese; a test holds it
against ICU itself. In the image the library is at hand, and this is not used.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# as ICU sorts them: punctuation, symbols, then numbers, then letters
_MARKS = " _-\u2013\u2014,;:!¡?¿.'\u2018\u2019\"“”()[]{}@*/\\&#%`^+<=>|~ー$"
_ACCENTS = "\u0301\u0300\u0306\u0302\u030c\u030a\u0308\u030b\u0303\u0307\u0338\u0327\u0328\u0304\u0363"
# letters that have no decomposition but sort as another with an accent, or as two
_SPLIT = str.maketrans(
    {"ø": "o\u0338", "Ø": "O\u0338", "đ": "d\u0338", "Đ": "D\u0338", "ł": "l\u0338", "Ł": "L\u0338"}
    | {"ß": "s\u017f", "æ": "a\u0363e", "Æ": "A\u0363E", "œ": "o\u0363e", "Œ": "O\u0363E"}
)
_PART = re.compile(r"\d+|\D")
_NUMBER, _LETTER = 1, 2
Key = tuple[list[tuple[int, int, str]], list[int], list[int]]


@lru_cache(maxsize=1 << 16)
def key(text: str) -> Key:
    """Give what to compare: letters and numbers first, then accents, then case."""
    primary: list[tuple[int, int, str]] = []
    secondary: list[int] = []
    tertiary: list[int] = []
    for part in _PART.findall(unicodedata.normalize("NFKD", text).translate(_SPLIT)):
        if part.isdecimal():
            digits = part.lstrip("0")
            primary.append((_NUMBER, len(digits), digits))
        elif unicodedata.combining(part):
            if secondary:
                secondary[-1] = secondary[-1] * 64 + 1 + _ACCENTS.find(part)
            continue
        elif part in _MARKS:
            primary.append((0, _MARKS.index(part), ""))
        elif part.isalpha():
            hiragana = chr(ord(part) - 0x60) if "ァ" <= part <= "ヶ" else part
            primary.append((_LETTER, 0, hiragana.casefold()))
        elif unicodedata.category(part).startswith("C"):
            continue
        else:
            primary.append((0, len(_MARKS), part))
        secondary.append(0)
        tertiary.append(int(part != part.casefold() or "ァ" <= part <= "ヶ"))
    return primary, secondary, tertiary


def icu_root(left: str, right: str) -> int:
    """Compare two texts: negative, zero or positive."""
    first, second = key(left), key(right)
    return (first > second) - (first < second)
