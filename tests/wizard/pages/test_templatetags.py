from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wizard.sdl.writer import to_yaml
from wizard.templatetags import figures
from wizard.templatetags.sdl_colours import coloured


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (None, "–"),
        (0, "0 MB"),
        (522_640_096, "523 MB"),
        (999_900_000, "1.0 GB"),
        (5_225_000_000, "5.2 GB"),
        (142_000_000_000, "142 GB"),
        (-28_000_000, "-28 MB"),
    ],
)
def test_it_works(count: int | None, words: str) -> None:
    assert figures.gigabytes(count) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (None, "–"),
        (999, "999"),
        (8_190_000_000, "8.2B"),
        (8_000_000_000, "8B"),
        (35_000_000, "35M"),
    ],
)
def test_large_figures_are_short(count: int | None, words: str) -> None:
    assert figures.short(count) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(None, "–"), (512, "512"), (2048, "2k"), (40_960, "40k"), (1_048_576, "1M")],
)
def test_context_lengths_are_short(count: int | None, words: str) -> None:
    assert figures.tokens(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "just now"), (70, "1 minute ago"), (7200, "2 hours ago"), (86_400 * 3, "3 days ago")],
)
def test_an_age_is_in_words(seconds: int, words: str) -> None:
    assert figures.age(datetime.now(UTC) - timedelta(seconds=seconds)) == words


def test_an_old_age_is_a_day() -> None:
    assert figures.age(datetime(2020, 2, 3, tzinfo=UTC)) == "on 3 February 2020"


@pytest.mark.parametrize(
    ("amount", "words"), [(None, "–"), (0.157, "$0.16"), (48.0, "$48.00"), (1204.4, "$1,204")]
)
def test_prices_have_the_digits_that_matter(amount: float | None, words: str) -> None:
    assert figures.usd(amount) == words


def test_keys_texts_and_comments_have_their_colours() -> None:
    text = coloured('# words\na:\n  - "b#c"\n')
    assert '<span class="y-comment"># words</span>' in text
    assert '<span class="y-key">a</span>' in text
    assert '<span class="y-text">&quot;b#c&quot;</span>' in text


@given(
    st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
)
def test_colours_change_no_letter_and_let_no_markup_in(pairs: dict[str, str]) -> None:
    text = to_yaml({"services": pairs, "<b>": "<script>"})
    shown = coloured(text)
    assert set(re.findall(r"<[^>]*>", shown)) <= {
        *("</span>", '<span class="y-key">', '<span class="y-text">', '<span class="y-comment">'),
    }
    assert unescape(re.sub(r"<[^>]*>", "", shown)) == text
