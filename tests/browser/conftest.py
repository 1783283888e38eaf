"""A headless Chromium, and pages in it that are watched."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of the machine, or the one that `make browser` gets where it has none."""
    own = next(filter(None, map(shutil.which, _NAMES)), None)
    with sync_playwright() as playwright:
        if own is None and not Path(playwright.chromium.executable_path).exists():
            # Pages can be judged only by a browser. Where a project of packages alone is installed there may be none;
            # in CI a skip is a failure.
            pytest.skip("pages need a Chromium; `make browser` installs one")
        browser = playwright.chromium.launch(executable_path=own, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page, `ready` when its script has run.

    In the end nothing may have failed, nor been asked for from outside of its folder.
    """
    contexts, troubles = [], []

    def visit(path: Path, *, width: int = 1200, ready: bool = True, **options) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        home = path.parent.as_uri()
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("requestfailed", lambda request: troubles.append(f"failed: {request.url[:200]}"))
        page.on("request", lambda request: _watch(request.url, home, troubles))
        page.goto(path.as_uri())
        if ready:
            page.wait_for_selector("html.ready", state="attached")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert troubles == []


def _watch(url: str, home: str, troubles: list[str]) -> None:
    if not url.startswith((f"{home}/", "data:")):
        troubles.append(f"leaves the folder: {url[:200]}")
