"""Small pictures of arrays: a trace, an image, or how their values are distributed."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    Array = np.ndarray[Any, Any]  # Any: of every dtype

_WIDTH, _HEIGHT = 120, 28
"""The size of a trace and of a histogram, in pixels."""
_IMAGE = 64
"""The longest side of an image, in pixels."""
_THINNEST = 16
"""The shortest side of an image as it is shown."""
_INK = "#4c8bc8"
"""Legible on white and on black."""
_BINS = 30
_FEW = 2
"""From this many elements on there is something to draw."""
_MANY_MOMENTS = 8
"""From this many ascending elements on, they are taken for moments, whose density is drawn."""
_EVEN = 0.01
"""Steps that differ by less than this part of them are a ramp."""
_BLOCKS = "▁▂▃▄▅▆▇█"
_SPARK = 12
"""The length of a trace as text."""


def picture(array: Array) -> str:
    """Draw an array as markup, an image in the text of a page; empty if it has no numbers.

    One dimension is a trace, or a histogram if the elements ascend, as times of events do. Two are an image, three with
    3 or 4 channels at the end one in colours, and others a histogram of the elements.
    """
    plain = _plain(array)
    if plain is None:
        return ""
    channels = plain.ndim == 3 and plain.shape[2] in (3, 4) and plain.dtype == np.uint8
    if plain.ndim == 2 or channels:
        return _image(plain if channels else plain.astype(np.float64)[:, :, np.newaxis], colours=channels)
    values = plain.astype(np.float64)
    return _trace(values) if _is_trace(values) else _histogram(values)


def spark(array: Array) -> str:
    """Draw what `picture` draws as a trace or histogram as a few characters; empty for others."""
    plain = _plain(array)
    if plain is None or plain.ndim != 1:
        return ""
    values = plain.astype(np.float64)
    is_trace = _is_trace(values)
    heights = np.array([np.mean(part) for part in _parts(values, _SPARK)]) if is_trace else _density(values)
    low, high = heights.min() if is_trace else 0, heights.max()
    steps = np.zeros(len(heights)) if high == low else (heights - low) / (high - low) * (len(_BLOCKS) - 1)
    return "".join(_BLOCKS[round(step)] for step in steps)


def _plain(array: Array) -> Array | None:
    """Return an array of finite or missing real numbers without dimensions of length 1; None if it cannot be drawn."""
    if array.dtype.kind not in "biufc" or array.size < _FEW:
        return None
    plain = np.squeeze(np.abs(array) if array.dtype.kind == "c" else array)
    finite = np.isfinite(plain)
    if not finite.any():
        return None
    return plain if plain.dtype == np.uint8 or finite.all() else np.where(finite, plain.astype(np.float64), np.nan)


def _is_trace(values: Array) -> bool:
    """Return whether values are drawn in their order: unless they ascend unevenly."""
    if values.ndim != 1:
        return False
    steps = np.diff(values)
    return len(values) < _MANY_MOMENTS or not np.all(steps > 0) or bool(np.ptp(steps) < steps.mean() * _EVEN)


def _density(values: Array) -> Array:
    counts: Array = np.histogram(values[np.isfinite(values)], bins=_SPARK)[0]
    return counts


def _parts(values: Array, most: int) -> Iterator[Array]:
    """Cut finite values into at most `most` parts of about the same length."""
    finite = values[np.isfinite(values)]
    yield from np.array_split(finite, min(most, len(finite)))


def _trace(values: Array) -> str:
    low, high = np.nanmin(values), np.nanmax(values)
    scale = (_HEIGHT - 2) / (high - low) if high > low else 0.0
    # Beyond two elements a pixel, the least and the greatest of each pixel are what one would see.
    if len(values) > 2 * _WIDTH:
        edges = np.linspace(0, len(values), _WIDTH + 1).astype(int)[:-1]
        with np.errstate(all="ignore"):
            ends = np.stack([np.fmin.reduceat(values, edges), np.fmax.reduceat(values, edges)], axis=1)
        heights, across = ends.reshape(-1), np.repeat(np.arange(_WIDTH) + 0.5, 2)
    else:
        heights, across = values, np.linspace(1, _WIDTH - 1, len(values))
    steps, gap = [], True
    for x, height in zip(across, heights, strict=True):
        if np.isnan(height):
            gap = True
            continue
        y = _HEIGHT - 1 - (height - low) * scale if scale else _HEIGHT / 2
        steps.append(f"{'M' if gap else 'L'}{x:.4g} {y:.3g}")
        gap = False
    return _svg(f'<path d="{"".join(steps)}" fill="none" stroke="{_INK}"/>')


def _histogram(values: Array) -> str:
    counts, _ = np.histogram(values[np.isfinite(values)], bins=_BINS)
    wide, scale = _WIDTH / _BINS, _HEIGHT / max(counts.max(), 1)
    bars = "".join(
        f"M{index * wide:.4g} {_HEIGHT}v-{count * scale:.3g}h{wide - 1:.3g}v{count * scale:.3g}z"
        for index, count in enumerate(counts)
        if count
    )
    return _svg(f'<path d="{bars}" fill="{_INK}"/>')


def _svg(content: str) -> str:
    # Within an <img> it also survives in a notebook that is not trusted, but has no colour of the text around it.
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">{content}</svg>'
    return _img(_WIDTH, _HEIGHT, "svg+xml", drawing.encode())


def _image(pixels: Array, *, colours: bool) -> str:
    """Draw pixels of shape (height, width, channels): one channel in grey from least to greatest, NaN transparent."""
    small = _smaller(_smaller(pixels.astype(np.float64), 0), 1)
    if colours:
        levels = np.nan_to_num(small).astype(np.uint8)
    else:
        low, high = np.nanmin(small), np.nanmax(small)
        grey = (small - low) * (255 / (high - low) if high > low else 0.0)
        levels = np.concatenate([np.nan_to_num(grey), np.where(np.isnan(small), 0.0, 255.0)], axis=2).astype(np.uint8)
    height, width = pixels.shape[:2]
    scale = _IMAGE / max(height, width)
    shown = (max(round(width * scale), _THINNEST), max(round(height * scale), _THINNEST))
    return _img(*shown, "png", _png(levels))


def _img(width: int, height: int, form: str, content: bytes) -> str:
    return (
        f'<img alt="" width="{width}" height="{height}" src="data:image/{form};base64,'
        f'{base64.b64encode(content).decode()}" '
        'style="display:inline-block;vertical-align:middle;max-width:none;image-rendering:pixelated">'
    )


def _smaller(pixels: Array, axis: int) -> Array:
    """Average along an axis so that it is no longer than an image."""
    length = pixels.shape[axis]
    if length <= _IMAGE:
        return pixels
    edges = np.linspace(0, length, _IMAGE + 1).astype(int)
    sums = np.add.reduceat(pixels, edges[:-1], axis=axis)
    shape = [1] * pixels.ndim
    shape[axis] = _IMAGE
    return sums / np.diff(edges).reshape(shape)


def _png(levels: Array) -> bytes:
    """Write pixels of shape (height, width, channels) with 2 (grey, alpha), 3 or 4 channels of uint8.

    Source: Portable Network Graphics (PNG) Specification, third edition.
    """
    height, width, channels = levels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    lines = np.concatenate([np.zeros((height, 1), np.uint8), levels.reshape(height, -1)], axis=1)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
