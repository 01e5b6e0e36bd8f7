"""How wide texts are, without a font: the widths of a wide one, so that a text fits in whatever font a reader has.

Source: DejaVu Sans, whose letters are about an eighth wider than those of Helvetica and Arial.
"""

from __future__ import annotations

_FIRST = " "
_WIDTHS = (
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636,
    636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863,
    748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635,
    615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636,
    337, 636, 838,
)  # fmt: skip
"""The widths of the letters from space to `~`, in thousandths of the font's size."""
_OTHER = 1000
BOLD = 1.12
"""How much wider bold letters are, at most."""


def text_width(text: str, size: float) -> float:
    """Return how wide a text is, in pixels.

    Args:
        text: One line.
        size: The font's size in pixels.
    """
    places = (ord(letter) - ord(_FIRST) for letter in text)
    return sum(_WIDTHS[place] if 0 <= place < len(_WIDTHS) else _OTHER for place in places) * size / 1000
