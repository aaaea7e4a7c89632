"""What is paper on a picture and what is ink, whatever the light, the colours and the shadows."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.polarity import ink_is_light
from glyphfront.picture.read import Gray, Mask, Pixels
from glyphfront.picture.tones import above, counts_of, median, otsu, otsu_of, quantile_of, spread_of, up_to

EMPTY = "the picture is empty: no ink stands out from the paper"

_LEAST_CONTRAST = 8.0  # levels of 255 by which ink must differ from paper
_NOISE_SHARE = 0.7  # share of its variance that two tones explain: normal noise gives 0.64, any ink more
_REACH = 0.4  # of the longer side: what is wider is no stroke where the light is uneven
_SHORT = 0.15  # of the longer side: as `_REACH`, where something as narrow as that is in shadow
_EDGE = 0.3  # of the contrast of ink: what is steeper is an edge that the ink has to explain
_UNEXPLAINED = 0.1  # of all such edges: with more of them, two tones do not describe the picture
_SMALL = 20  # pixels: smaller pictures are edges all over, and their strokes are no narrower than their paper
_STEEP = 0.6  # of the edge of the ink must be steep
_GENTLE = 0.2  # of the picture's shorter side: no longer part of it, from the rim of the picture, may be gentle
_POWERS = ((0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0))  # of y and x in the surface of uneven paper
_SURFACE_SIDE = 48
NEAR, _NEARBY = np.ones((3, 3), np.uint8), np.ones((5, 5), np.uint8)
_POLARITY_SIDE = 96  # whether strokes are light is looked at in pictures reduced to this
_SECOND_DIFFERENCES = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_PAGE_SIDE = 256  # whether two tones explain a page, likewise


def gray_of(pixels: Pixels) -> Gray:
    """The axis along which the colours vary most; what is transparent becomes paper.

    Args:
        pixels: as `read` gives them; few thousand are enough, so reduce large pictures first.

    Returns:
        (H, W) uint8. Ink and paper differ in it even where they are equally bright in other colours.

    Raises:
        GlyphfrontError: all of it is transparent.
    """
    if pixels.ndim == 2:
        return np.ascontiguousarray(pixels)
    if pixels.shape[2] in (2, 4):
        alpha = pixels[:, :, -1]
        pixels = np.ascontiguousarray(pixels[:, :, :-1])
        if alpha.min() < 255:
            pixels = _over_paper(pixels, alpha)
        if pixels.ndim == 2 or pixels.shape[2] == 1:
            return np.ascontiguousarray(pixels.reshape(pixels.shape[:2]))
    first, *others = cv2.split(pixels)
    if all(cv2.norm(first, other, cv2.NORM_INF) == 0 for other in others):
        return np.asarray(first, np.uint8)
    step = max(max(pixels.shape) // 64, 1)
    sample = pixels[::step, ::step].reshape(-1, 3).astype(np.float32)
    sample -= sample.mean(axis=0)
    axis = np.linalg.eigh(sample.T @ sample)[1][:, -1]
    weights = (axis / np.abs(axis).sum()).astype(np.float32)
    weights *= np.sign(weights.sum()) or 1.0  # what is brighter stays lighter
    below = 255 * float(-weights[weights < 0].sum())
    tones = cv2.transform(np.ascontiguousarray(pixels), np.append(weights, below)[None].astype(np.float32))
    return np.asarray(tones, np.uint8).reshape(pixels.shape[:2])


def _over_paper(pixels: Pixels, alpha: Gray) -> Pixels:
    """Composite over a paper that the drawn pixels stand out from."""
    drawn = pixels[alpha > alpha.max() / 2] if alpha.max() else pixels[:0, 0]
    if not len(drawn):
        raise GlyphfrontError("the picture is empty: all of it is transparent")
    tones = drawn.astype(np.float32).mean(axis=1)
    is_page = np.ptp(tones) > 64 and len(tones) > 0.3 * alpha.size  # a drawn page in a transparent frame
    paper = np.float32(np.median(tones) if is_page else 255 * np.round(1 - tones.mean() / 255))
    share = alpha.astype(np.float32)[:, :, None] / 255
    return np.rint(pixels * share + paper * (1 - share)).astype(np.uint8)


def ink_of(gray: Gray) -> Gray:
    """How far each pixel stands out from the paper around it as ink does: (H, W) uint8, 0 on paper.

    Two tones are tried first, of the picture as it is and of it less a smooth surface of light. Where they leave
    edges unexplained, as a shadow does, each pixel is compared with the paper near it: what a morphological closing
    leaves when it takes out all that is narrower than 0.4 of the picture's longer side. A closing keeps the straight
    edge of a shadow where it is.

    Args:
        gray: (H, W) uint8.

    Raises:
        GlyphfrontError: no ink stands out from the paper.
    """
    low, high = (float(tone) for tone in cv2.minMaxLoc(gray)[:2])
    if high - low < _LEAST_CONTRAST:
        raise GlyphfrontError(EMPTY)
    contrast_unit = (high - low) / 255 if high - low < 128 else 1.0  # levels of the picture in a level of `tones`
    tones = (
        gray
        if high - low >= 128
        else cv2.convertScaleAbs(gray, alpha=255 / (high - low), beta=-255 * low / (high - low))
    )
    sigma = _noise(tones)
    if sigma > 6 and min(tones.shape) > 60:
        tones = cv2.medianBlur(tones, 3) if sigma < 60 else tones
        tones = cv2.GaussianBlur(tones, (3, 3), 0)
    for candidate in (_two_tones, _on_even_paper, _against_nearby_paper):
        found, explained = candidate(tones, sigma)
        if (explained or max(tones.shape) < _SMALL) and stands_out(found, contrast_unit):
            return found
    raise GlyphfrontError(EMPTY)


def stands_out(ink: Gray, contrast_unit: float) -> bool:
    """Whether there is more than noise."""
    counts = counts_of(ink)
    level, share = otsu_of(counts)
    inked, paper = above(counts, level), up_to(counts, level)
    if not paper.any() or not inked.any():
        return False
    middle = quantile_of(paper, 0.5)
    contrast = quantile_of(inked, 0.75) - middle
    enough = contrast * contrast_unit >= _LEAST_CONTRAST
    return enough and (share >= _NOISE_SHARE or contrast >= 6 * spread_of(paper, middle))


def _noise(tones: Gray) -> float:
    """Standard deviation of the noise (Immerkær 1996, by the median, which edges do not raise)."""
    second = cv2.filter2D(tones, cv2.CV_16S, _SECOND_DIFFERENCES)
    return median(cv2.convertScaleAbs(second)) * 1.4826 / 6


def _two_tones(tones: Gray, sigma: float) -> tuple[Gray, bool]:
    """Ink by one threshold for all of the picture, and whether that explains its edges."""
    counts = counts_of(tones)
    level, _ = otsu_of(counts)
    light = (tones > level).view(np.uint8)
    dark_tone, light_tone = quantile_of(up_to(counts, level), 0.5), quantile_of(above(counts, level), 0.5)
    contrast = light_tone - dark_tone
    if ink_is_light(light):
        return cv2.subtract(tones, dark_tone), _explains(tones, light, contrast, sigma)
    return cv2.subtract(255 - tones, 255 - light_tone), _explains(tones, 1 - light, contrast, sigma)


def _on_even_paper(tones: Gray, sigma: float) -> tuple[Gray, bool]:
    """As `_two_tones`, of the picture less a smooth surface."""
    even = tones - _surface(tones) + np.float32(128)
    low, high = float(even.min()), float(even.max())
    return _two_tones(cv2.convertScaleAbs(even - low, alpha=min(255 / max(high - low, 1), 1.0)), sigma)


def _against_nearby_paper(tones: Gray, sigma: float) -> tuple[Gray, bool]:
    """Ink as what is darker, or lighter, than all paper near it."""
    dark = 255 - tones if _strokes_are_light(tones) else tones
    found = _standing_out(dark)
    mask = (found > otsu(found)[0]).view(np.uint8)
    contrast = abs(median(tones, mask) - median(tones, 1 - mask))
    if _is_of_two_kinds(tones, mask, contrast):  # a band of shadow, narrower than the reach
        found = _standing_out(dark, _SHORT)
    return found, True


def _strokes_are_light(tones: Gray, reach: float = _REACH) -> bool:
    """Whether what stands out from the median around it, which thin strokes do not move, is mostly lighter."""
    shrink = max(max(tones.shape) * reach / (_POLARITY_SIDE * _REACH), 1)
    size = (max(round(tones.shape[1] / shrink), 1), max(round(tones.shape[0] / shrink), 1))
    small = cv2.resize(tones, size, interpolation=cv2.INTER_AREA)
    around = cv2.medianBlur(small, max(round(reach * max(size)) // 2 * 2 + 1, 3))
    darker, lighter = (
        np.square(cv2.subtract(*pair).astype(np.float32)).sum() for pair in ((around, small), (small, around))
    )
    return bool(lighter > darker)


def ink_of_page(gray: Gray, reach: float) -> Gray:
    """As `ink_of` of a page with many characters: what stands out from the paper within `reach` pixels.

    Beyond the rim the page is taken to be its own mirror image, so that a line along the rim has paper on both sides.

    Args:
        gray: (H, W) uint8.
        reach: in pixels; wider than any stroke.
    """
    dark = 255 - gray if _page_ink_is_light(gray, reach / max(gray.shape)) else gray
    beyond = max(round(reach), 1)
    mirrored = np.asarray(cv2.copyMakeBorder(dark, beyond, beyond, beyond, beyond, cv2.BORDER_REFLECT), np.uint8)
    found = _standing_out(mirrored, reach / max(mirrored.shape))
    return np.ascontiguousarray(found[beyond:-beyond, beyond:-beyond])


def _page_ink_is_light(gray: Gray, share: float) -> bool:
    """By the shapes of two tones where these explain the picture, as in a tight crop; else by its strokes."""
    shrink = max(max(gray.shape) / _PAGE_SIDE, 1)
    size = (max(round(gray.shape[1] / shrink), 1), max(round(gray.shape[0] / shrink), 1))
    small = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
    counts = counts_of(small)
    level, _ = otsu_of(counts)
    light = (small > level).view(np.uint8)
    if 0 < light.mean() < 1 and float(np.ptp(small)) > 64:
        contrast = quantile_of(above(counts, level), 0.5) - quantile_of(up_to(counts, level), 0.5)
        is_light = ink_is_light(light)
        if _explains(small, light if is_light else 1 - light, contrast, _noise(small)):
            return is_light
    return _strokes_are_light(gray, share)


def _standing_out(tones: Gray, reach: float = _REACH) -> Gray:
    """By what share each pixel is darker than the paper near it, 255 for black."""
    side = max(round(reach * max(tones.shape)) | 1, 3)
    smooth = cv2.GaussianBlur(tones, (3, 3), 0)
    beyond = side // 2  # a slope of light goes on beyond the rim
    padded = cv2.copyMakeBorder(smooth, beyond, beyond, beyond, beyond, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    paper = closed[beyond : beyond + tones.shape[0], beyond : beyond + tones.shape[1]]
    # shadows dim ink and paper by the same factor, so the ratio is what stays; 8 levels keep deep shadows from noise
    ratio = cv2.subtract(paper, smooth).astype(np.float32) / (paper.astype(np.float32) + 8)
    found = np.rint(ratio * 255).astype(np.uint8)
    return np.asarray(cv2.subtract(found, median(found)), np.uint8)


def _explains(tones: Gray, mask: Mask, contrast: float, sigma: float) -> bool:
    """Whether nearly all steep edges of the picture lie at the edge of the ink, and the edge of the ink is steep."""
    if not 0 < cv2.countNonZero(mask) < mask.size:
        return False
    steep = cv2.morphologyEx(tones, cv2.MORPH_GRADIENT, NEAR)
    edges = cv2.compare(steep, max(_EDGE * contrast, 5 * sigma), cv2.CMP_GT)
    near = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, _NEARBY)
    number = cv2.countNonZero(edges)
    if number - cv2.countNonZero(cv2.bitwise_and(edges, edges, mask=near)) > _UNEXPLAINED * number:
        return False
    rim = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, NEAR)
    sharp = cv2.bitwise_and(edges, edges, mask=rim)
    if cv2.countNonZero(sharp) <= _STEEP * cv2.countNonZero(rim) or _fades(rim, cv2.dilate(sharp, NEAR)):
        return False
    return not _is_of_two_kinds(tones, mask, contrast)


def _fades(rim: Mask, sharp: Mask) -> bool:
    """Whether a long part of the edge of the ink that reaches the rim of the picture is not steep: a slope of light."""
    faint = rim * np.uint8(255) & ~sharp
    least = _GENTLE * min(rim.shape)
    contours, _ = cv2.findContours(faint, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    for x, y, wide, tall in map(cv2.boundingRect, contours):
        at_rim = x == 0 or y == 0 or x + wide == rim.shape[1] or y + tall == rim.shape[0]
        if at_rim and max(wide, tall) > least:
            return True
    return False


def _is_of_two_kinds(tones: Gray, mask: Mask, contrast: float) -> bool:
    """Whether what reaches the rim is, inside, of two tones: a shadow with ink in it, or dark lines with a pencil's."""
    if not touches_rim(mask):
        return False
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    at_rim = np.unique(np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1])))
    at_rim = at_rim[at_rim > 0]
    part = (labels == at_rim[stats[at_rim, cv2.CC_STAT_AREA].argmax()]).view(np.uint8)
    inside = cv2.erode(part, NEAR, borderValue=1)
    if cv2.countNonZero(inside) < 0.2 * cv2.countNonZero(part):
        return False
    level, share = otsu(tones, inside)
    if share <= 0.8:
        return False
    within = tones[inside > 0]
    lighter = within > level
    if not 0.05 < lighter.mean() < 0.95:
        return False
    return float(within[lighter].mean()) - float(within[~lighter].mean()) > 0.35 * contrast


def touches_rim(mask: Mask) -> bool:
    """Whether any of it is in the outermost pixels."""
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _surface(tones: Gray) -> NDArray[np.float32]:
    """The quadratic surface with the least absolute distance from `tones`, which a minority of ink does not bend."""
    step = -(-max(tones.shape) // _SURFACE_SIDE)
    of_y, of_x = (
        np.stack([np.linspace(-1, 1, side) ** power for power in powers])
        for side, powers in zip(tones.shape, zip(*_POWERS, strict=True), strict=True)
    )
    coarse = tones[::step, ::step].ravel().astype(np.float64)
    terms = (of_y[:, ::step, None] * of_x[:, None, ::step]).reshape(len(_POWERS), -1).T
    weights = np.ones_like(coarse)
    for _ in range(12):  # iteratively reweighted least squares
        weighted = terms * weights[:, None]
        factors = np.linalg.lstsq(weighted.T @ terms, weighted.T @ coarse)[0]
        weights = 1 / np.maximum(np.abs(coarse - terms @ factors), 0.25)
    surface: NDArray[np.float32] = (of_y.T * factors).astype(np.float32) @ of_x.astype(np.float32)
    return surface
