"""What holds for the page of every study, in a browser."""

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = ("serious", "critical")


def serious_violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong for people who cannot see, hear or point well."""
    result = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {violation['help']} ({node['target']}, {node.get('failureSummary', '')})"
        for violation in result
        if violation["impact"] in SERIOUS
        for node in violation["nodes"][:3]
    ]


def open_all(page: Page) -> None:
    """Open everything that is folded."""
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")


def hear_a_cell(page: Page) -> None:
    """Choose a cell: its tracks are listed, and the first that has an excerpt plays."""
    play = page.locator(".cell .tracks button.play").first
    for button in page.locator("table.matrix button").all():
        count = int(button.inner_text().replace(",", ""))
        button.click()
        assert button.get_attribute("aria-expanded") == "true"
        assert page.locator(".cell .tracks li").count() == min(count, 100)
        if play.count():
            break
    play.click()
    page.wait_for_function("() => document.getElementById('audio').readyState >= 2")
    page.wait_for_function("() => document.getElementById('audio').currentTime > 0.1")
    assert play.get_attribute("aria-pressed") == "true"
    page.locator("#close-player").click()
    assert page.locator("#player").is_hidden()


def walk_by_keys(page: Page) -> None:
    """The first stop is the way past the navigation; a cell is chosen and heard without a pointer."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("table.matrix button").first.focus()
    before = page.evaluate("document.activeElement.dataset.cell")
    for key in ("ArrowRight", "ArrowDown", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    moved = page.evaluate("document.activeElement.dataset.cell")
    assert re.fullmatch(r"\d+,\d+", moved)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    page.locator(".cell button.play").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('audio').currentTime > 0")
    assert before is not None


def fits(page: Page) -> bool:
    """Return whether nothing has to be scrolled sideways."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def brightness(page: Page) -> float:
    """Return the brightness of the ground, 0 to 255."""
    message = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(float, re.findall(r"[\d.]+", message)[:3])) / 3


def outline(page: Page) -> list[str]:
    """Return every element with the names of its attributes, those made by scripts as well."""
    names = "[...element.attributes].map(attribute => attribute.name).sort().join(' ')"
    return page.evaluate(f"[...document.querySelectorAll('*')].map(element => element.tagName + ' ' + {names})")
