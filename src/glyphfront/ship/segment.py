"""Which characters a line has, where that is open: as the recogniser is surest of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.glyph import Glyph
from glyphfront.picture.split import may_be_one, may_be_two, pieces, together

Shares = Callable[[Sequence[Glyph]], NDArray[np.float32]]
"""A probability for each glyph: (N,) float32, 0 to 1."""

_PIECE = 0.86  # what each piece costs, in natural logarithms of its probability
_BROAD = (1.15, 5.9)  # of the height of its line: what is wider costs so much for each height, likewise
_NARROW = (0.3, 5.0)  # of what is narrower
# A logistic regression of whether ink is several characters, fitted to lines of EMNIST's validation images and of
# genuine pictures, some of which touch; at its threshold hardly a single character is cut.
_UNSURE = -0.68  # for the log odds of the whole
_UNLIKE = 0.22  # for the log odds against the whole being a letter or digit
_WIDE = 4.45  # for its width in heights of its line
_PIECES = 5.0  # for the mean logarithm of the pieces' probabilities
_CUT = 4.3  # it is cut where the sum of these is above
_UNKNOWN = 0.05  # is unlike a character, where that is not known: about as often as what stands in lines
_BROKEN = 0.75  # the less sure of two neighbours that are pieces of one character has less
_WHOLE = 0.85  # and together they have more
_ENTWINED = 0.1  # of the height of their line: what overlaps more, as the two strokes of an open 4, need not be unsure


def segmented(lines: Sequence[Sequence[Glyph]], surest: Shares, unlike: Shares | None = None) -> list[list[Glyph]]:
    """Lines in which broken characters are whole, and touching ones apart, where that is surer.

    Args:
        lines: glyphs of a page, apart from each other.
        surest: the probability of the likeliest character, for each of many glyphs.
        unlike: how likely each of many is no character; None where that cannot be known.
    """
    return _cut(_joined([list(line) for line in lines], surest), surest, unlike)


def _height(line: Sequence[Glyph]) -> float:
    return float(np.median([g.at[3] - g.at[1] for g in line]))


def _joined(lines: list[list[Glyph]], surest: Shares) -> list[list[Glyph]]:
    """With neighbours taken together that are surer as one."""
    pairs = [
        (row, place)
        for row, line in enumerate(lines)
        for place in range(len(line) - 1)
        if may_be_one(line[place], line[place + 1], _height(line))
    ]
    if not pairs:
        return lines
    apart = surest([glyph for row, place in pairs for glyph in lines[row][place : place + 2]]).reshape(-1, 2)
    wholes = [together(*lines[row][place : place + 2]) for row, place in pairs]
    whole = surest(wholes)
    entwined = np.array([lines[r][n + 1].at[0] < lines[r][n].at[2] - _ENTWINED * _height(lines[r]) for r, n in pairs])
    broken = (apart.min(axis=1) < _BROKEN) | (entwined & (whole > apart.max(axis=1)))
    better = (whole > _WHOLE) & broken
    taken: dict[tuple[int, int], Glyph] = {}
    for n in sorted(np.flatnonzero(better), key=lambda n: -whole[n]):
        row, place = pairs[n]
        if not {(row, place - 1), (row, place + 1)} & set(taken):
            taken[row, place] = wholes[n]
    return [
        [
            taken.get((row, place), glyph)
            for place, glyph in enumerate(line)
            if (row, place - 1) not in taken  # it went into the one before
        ]
        for row, line in enumerate(lines)
    ]


def _cut(lines: list[list[Glyph]], surest: Shares, unlike: Shares | None) -> list[list[Glyph]]:
    """With glyphs cut where that is likelier than that they are one character each."""
    wide = [(r, n) for r, line in enumerate(lines) for n, g in enumerate(line) if may_be_two(g, _height(line))]
    if not wide:
        return lines
    glyphs = [lines[r][n] for r, n in wide]
    heights = [_height(lines[r]) for r, _ in wide]
    against = unlike(glyphs) if unlike is not None else np.full(len(wide), _UNKNOWN, np.float32)
    widths = np.array([(g.at[2] - g.at[0]) / height for g, height in zip(glyphs, heights, strict=True)])
    several = _UNSURE * _log_odds(surest(glyphs)) + _UNLIKE * _log_odds(against) + _WIDE * widths
    may = np.flatnonzero(several > _CUT)  # of the others no pieces can be sure enough
    cuts = {int(n): pieces(glyphs[n], heights[n]) for n in may}
    tried = [piece for rows in cuts.values() for row in rows for piece in row if piece is not None]
    if not tried:
        return lines
    known = dict(zip(map(id, tried), surest(tried).tolist(), strict=True))
    parted: dict[tuple[int, int], list[Glyph]] = {}
    for n, rows in cuts.items():
        best = _best(rows, known, heights[n])
        if best and several[n] + _PIECES * np.mean([_log(known[id(piece)]) for piece in best]) > _CUT:
            parted[wide[n]] = best
    return [[p for n, g in enumerate(line) for p in parted.get((r, n), [g])] for r, line in enumerate(lines)]


def _log(probability: float) -> float:
    return math.log(max(probability, 1e-6))


def _log_odds(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    clipped = np.clip(probabilities.astype(np.float64), 1e-4, 1 - 1e-4)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float64)


def _best(cuts: list[list[Glyph | None]], known: dict[int, float], height: float) -> list[Glyph]:
    """The pieces, two or more, that are the likeliest for how sure and how wide they are; none where no cut will do."""
    best: list[tuple[float, list[Glyph]]] = [(0.0, [])]
    for stop in range(1, len(cuts) + 1):
        ways = [(-np.inf, list[Glyph]())]
        for start in range(stop):
            piece = cuts[start][stop - 1]
            is_whole = start == 0 and stop == len(cuts)
            if piece is None or is_whole or not (best[start][1] or start == 0):
                continue
            wide = (piece.at[2] - piece.at[0]) / height
            too_wide, too_narrow = max(wide - _BROAD[0], 0.0), max(_NARROW[0] - wide, 0.0)
            score = _log(known[id(piece)]) - _PIECE - _BROAD[1] * too_wide - _NARROW[1] * too_narrow
            ways.append((best[start][0] + score, [*best[start][1], piece]))
        best.append(max(ways, key=lambda way: way[0]))
    return best[-1][1]
