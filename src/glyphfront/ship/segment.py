"""Which characters a line has, where that is open: as the recogniser is surest of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.glyph import Glyph
from glyphfront.picture.split import may_be_one, may_be_two, pieces, together

Surest = Callable[[Sequence[Glyph]], NDArray[np.float32]]
"""The highest probability of a character, for each glyph: (N,) float32."""

_SURE = 0.97  # of a whole glyph: it is not cut
_BROAD = 1.2  # of the height of its line: single characters are seldom wider
_LEAST = (0.9, 0.6)  # how sure every piece must be: of a glyph that is no broader than a character, and of others
_MARGIN = (0.35, 0.0)  # by so much surer than the whole, likewise
_BROKEN = 0.75  # the less sure of two neighbours that are pieces of one character has less
_WHOLE = 0.85  # and together they have more
_ENTWINED = 0.1  # of the height of their line: what overlaps more, as the two strokes of an open 4, need not be unsure


def segmented(lines: Sequence[Sequence[Glyph]], surest: Surest) -> list[list[Glyph]]:
    """Lines in which broken characters are whole, and touching ones apart, where that is surer.

    Args:
        lines: glyphs of a page, apart from each other.
        surest: how sure the recogniser is of each of many glyphs.
    """
    return _cut(_joined([list(line) for line in lines], surest), surest)


def _height(line: Sequence[Glyph]) -> float:
    return float(np.median([g.at[3] - g.at[1] for g in line]))


def _joined(lines: list[list[Glyph]], surest: Surest) -> list[list[Glyph]]:
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


def _cut(lines: list[list[Glyph]], surest: Surest) -> list[list[Glyph]]:
    """With glyphs cut where every piece is surer than the whole."""
    wide = [(r, n) for r, line in enumerate(lines) for n, g in enumerate(line) if may_be_two(g, _height(line))]
    if not wide:
        return lines
    whole = dict(zip(wide, surest([lines[r][n] for r, n in wide]), strict=True))
    unsure = [spot for spot in wide if whole[spot] < _SURE]
    cuts = {(r, n): pieces(lines[r][n], _height(lines[r])) for r, n in unsure}
    tried = [piece for spot in unsure for row in cuts[spot] for piece in row if piece is not None]
    if not tried:
        return lines
    known = dict(zip(map(id, tried), surest(tried).tolist(), strict=True))
    parted: dict[tuple[int, int], list[Glyph]] = {}
    for spot in unsure:
        best = _best(cuts[spot], known)
        glyph = lines[spot[0]][spot[1]]
        broad = int(glyph.at[2] - glyph.at[0] > _BROAD * _height(lines[spot[0]]))
        least = max(_LEAST[broad], whole[spot] + _MARGIN[broad])
        if len(best) > 1 and min(known[id(piece)] for piece in best) > least:
            parted[spot] = best
    return [[p for n, g in enumerate(line) for p in parted.get((r, n), [g])] for r, line in enumerate(lines)]


def _best(cuts: list[list[Glyph | None]], known: dict[int, float]) -> list[Glyph]:
    """The way through the cuts with the highest mean logarithm of the probability, by width of the pieces."""
    best: list[tuple[float, list[Glyph]]] = [(0.0, [])]
    for stop in range(1, len(cuts) + 1):
        ways = [(-np.inf, list[Glyph]())]
        for start in range(stop):
            piece = cuts[start][stop - 1]
            if piece is None or not (best[start][1] or start == 0):
                continue
            wide = piece.at[2] - piece.at[0]
            cost = best[start][0] + wide * math.log(max(known[id(piece)], 1e-6))
            ways.append((cost, [*best[start][1], piece]))
        best.append(max(ways, key=lambda way: way[0]))
    return best[-1][1]
