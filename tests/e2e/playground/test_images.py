"""Images by file, by paste and by drop."""

from __future__ import annotations

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.e2e.playground.talking import GIVE, LARGE_PNG, ask
from tests.standins.upstream import Upstream

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("way", ["file", "paste", "drop"])
def test_an_image_is_made_small_and_sent(page: Page, bob: Upstream, way: str) -> None:
    image = page.evaluate(LARGE_PNG)
    page.select_option("#model", "bob")
    if way == "file":
        file = FilePayload(name="large.png", mimeType="image/png", buffer=bytes(image))
        page.set_input_files("#file", [file])
    else:
        page.evaluate(GIVE, [image, way])
    expect(page.locator("#thumbs img")).to_have_count(1)
    ask(page, "What is this?")
    part = bob.asked("/v1/chat/completions")[-1]["messages"][-1]["content"][0]
    url = part["image_url"]["url"]
    assert url.startswith("data:image/jpeg;base64,")
    assert page.evaluate(
        "async (url) => { const image = new Image(); image.src = url; await image.decode();"
        " return [image.width, image.height]; }",
        url,
    ) == [1024, 512]
    expect(page.locator("#thumbs")).to_be_hidden()
    expect(page.locator(".pictures img")).to_be_visible()
    page.reload()
    expect(page.locator(".pictures img")).to_be_visible()


def test_a_model_without_vision_refuses_images_in_words(page: Page) -> None:
    image = page.evaluate(LARGE_PNG)
    expect(page.locator("#attach")).to_be_hidden()
    page.evaluate(GIVE, [image, "paste"])
    expect(page.locator("#notice")).to_contain_text("ada reads text only")


def test_a_file_that_is_no_image_is_refused_in_words(page: Page) -> None:
    page.select_option("#model", "bob")
    page.evaluate(GIVE, [[1, 2, 3], "drop"])
    expect(page.locator("#notice")).to_contain_text("no image that this browser can read")


def test_images_of_long_ago_do_not_stop_a_conversation(page: Page, bob: Upstream) -> None:
    image = page.evaluate(LARGE_PNG)
    page.select_option("#model", "bob")
    for number in range(5):
        page.evaluate(GIVE, [image, "paste"])
        expect(page.locator("#thumbs img")).to_have_count(1)
        answer = ask(page, f"Image {number}")
        expect(answer.locator(".answer-trouble")).to_be_hidden()
    told = bob.asked("/v1/chat/completions")[-1]["messages"]
    with_images = [at for at, message in enumerate(told) if isinstance(message["content"], list)]
    assert with_images == [2, 4, 6, 8]
