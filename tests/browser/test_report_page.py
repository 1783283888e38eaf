"""The report in a browser: heard, walked through by keys, in the dark, on a narrow screen, with any names."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import reports
from made_up_study import HOSTILE, TAME, study

from genreflow.audio.vorbis import write_ogg
from genreflow.report.clips import Clip
from genreflow.report.folder import write_report

pytestmark = pytest.mark.end_to_end

RATE = 8_000


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The report of a study in which everything has one of these names."""

    def write(names: list[str], *, long: bool = False) -> Path:
        folder = tmp_path_factory.mktemp("report")
        sound = np.random.default_rng(0).normal(scale=0.1, size=4 * RATE).astype(np.float32)
        write_ogg(folder / "track.ogg", sound, RATE, quality=3, serial=1)
        (folder / "tracks.csv").write_text("title\n")
        made = lengthened(study(names)) if long else study(names)
        clips = {track: Clip(folder / "track.ogg", 0.1 * n, 2.0) for n, track in enumerate(made.candidates())}
        page = folder / "made/report/index.html"
        write_report(
            made, page, folder / "made/report.html", clips=clips, tables=[folder / "tracks.csv"], within=len(clips)
        )
        return page

    return {"tame": write(TAME), "hostile": write(HOSTILE), "long": write(TAME, long=True)}


def lengthened(made):
    """Return a study with three experiments, two figures of inputs, and 40 classes."""
    one, tables = made.slices[0], made.tables
    experiments = pd.concat([tables["experiments"].assign(experiment=name, title=f"About {name}") for name in "abc"])
    audit = pd.DataFrame([{"class": f"name {n}", "tracks": 9, "groups": 9, "slices": 90} for n in range(40)])
    return replace(
        made,
        tables={**tables, "experiments": experiments, "audit": audit},
        slices=[one, replace(one, name="second", charts=())],
    )


@pytest.mark.parametrize("file", ["index.html", "../report.html"])
@pytest.mark.parametrize("names", ["tame", "hostile"])
def test_a_cell_lists_its_tracks_and_plays_one(written, visit, names, file):
    reports.hear_a_cell(visit((written[names].parent / file).resolve()))


def test_a_track_that_became_wrong_since_last_time_is_heard(written, visit):
    page = visit(written["tame"])
    page.locator("#changes td button.play").first.click()
    page.wait_for_function("() => document.getElementById('audio').currentTime > 0.1")
    assert "name 0" in page.locator("#playing").inner_text()


def test_it_can_be_used_without_a_pointer(written, visit):
    reports.walk_by_keys(visit(written["tame"]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_is_seriously_wrong_for_people_who_see_little(written, visit, scheme, width):
    page = visit(written["tame"], width=width, color_scheme=scheme)
    page.locator("table.matrix button").first.click()
    page.locator(".cell button.play").first.click()
    reports.open_all(page)
    assert reports.serious_violations(page) == []


def test_it_is_dark_where_people_want_it_dark(written, visit):
    assert reports.brightness(visit(written["tame"], color_scheme="dark")) < 60
    assert reports.brightness(visit(written["tame"], color_scheme="light")) > 200


@pytest.mark.parametrize("names", ["tame", "hostile"])
def test_a_narrow_screen_is_not_scrolled_sideways(written, visit, names):
    page = visit(written[names], width=390)
    page.locator("table.matrix button").first.click()
    reports.open_all(page)
    assert reports.fits(page)


def test_no_name_becomes_an_element_or_an_attribute(written, visit):
    outlines = []
    for names in ("hostile", "tame"):
        page = visit(written[names])
        for matrix in page.locator("table.matrix").all():
            matrix.locator("button").first.click()
            page.locator(".cell button.play").first.click()
        reports.open_all(page)
        outlines.append(sorted(reports.outline(page)))
    assert outlines[0] == outlines[1]


def test_a_link_leads_to_a_cell(written, visit):
    page = visit(written["tame"])
    button = page.locator("table.matrix button").nth(1)
    button.click()
    named = page.evaluate("location.hash")
    assert named == f"#cell-{button.get_attribute('data-panel')}-{button.get_attribute('data-cell').replace(',', '-')}"
    page.goto(written["tame"].as_uri() + named)
    page.reload()
    page.wait_for_selector("html.ready", state="attached")
    assert page.locator("table.matrix button").nth(1).get_attribute("aria-expanded") == "true"
    button.click()
    assert page.evaluate("location.hash") == ""


def test_the_first_cell_is_few_stops_away(written, visit):
    page = visit(written["tame"])
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("'cell' in document.activeElement.dataset"):
            return
    pytest.fail("ten stops did not reach it")


def test_headings_that_sort_are_one_stop_and_arrows_move_between_them(written, visit):
    page = visit(written["tame"])
    table = page.locator("table.data:visible").filter(has=page.locator("th:nth-child(2) .sort")).first
    assert table.locator("button.sort:not([tabindex='-1'])").count() == 1
    table.locator("button.sort").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.closest('th').cellIndex") > 0
    assert table.locator("button.sort:not([tabindex='-1'])").count() == 1


def test_cells_show_tracks_shares_or_slices(written, visit):
    page = visit(written["tame"])
    row = page.locator("table.matrix").first.locator("tbody tr").first.locator("td")

    def shown(unit):
        page.locator(".tools").first.get_by_label(unit).check()
        return [int(text) for text in row.all_inner_texts()]

    tracks, shares = shown("Tracks"), shown("Share of row (%)")
    assert shares == [round(100 * number / sum(tracks)) for number in tracks]
    assert shown("Tracks") == tracks


def test_mistakes_are_played_one_after_the_other(written, visit):
    page = visit(written["tame"])
    page.get_by_role("button", name="Play all mistakes").click()
    page.wait_for_function("() => document.getElementById('audio').currentTime > 0")
    first = page.locator("#playing").inner_text()
    assert first.startswith("1 of ")
    page.keyboard.press("n")
    assert page.locator("#playing").inner_text().startswith("2 of ")
    page.keyboard.press("p")
    assert page.locator("#playing").inner_text() == first
    page.evaluate("const a = document.getElementById('audio'); a.currentTime = 1.7")
    page.wait_for_function("() => document.getElementById('playing').textContent.startsWith('2 of ')")
    page.get_by_role("button", name="Next track (N)").click()
    assert not page.locator("#playing").inner_text().startswith("1 of ")


def test_a_track_is_found_by_its_title(written, visit):
    page = visit(written["tame"])
    page.get_by_label("Find a track by its title").fill("NAME 3")
    assert page.locator(".found li").first.inner_text().startswith("name 3")
    page.get_by_label("Find a track by its title").fill("nothing like it")
    assert page.locator(".found li").inner_text() == "No track of this report has such a title."


def test_the_theme_is_chosen_and_remembered_and_figures_follow(written, visit):
    page = visit(written["tame"], color_scheme="light")
    button, figure = page.locator("#theme"), "getComputedStyle(document.querySelector('.paper img')).filter"
    assert page.evaluate(figure) == "none"
    button.click()
    button.click()
    assert button.inner_text() == "Theme: dark" and reports.brightness(page) < 60
    assert "invert" in page.evaluate(figure)
    page.reload()
    page.wait_for_selector("html.ready", state="attached")
    assert reports.brightness(page) < 60
    dark = visit(written["tame"], color_scheme="dark")
    dark.locator("#theme").click()
    assert dark.locator("#theme").inner_text() == "Theme: light" and reports.brightness(dark) > 200


def lines_of(download) -> list[str]:
    return Path(download.path()).read_text(encoding="utf-8").splitlines()


def test_labels_are_marked_by_ear_and_saved(written, visit):
    page = visit(written["hostile"])
    for cell in (0, 1):
        page.locator("table.matrix button").nth(cell).click()
        page.locator(".cell select.mark").first.select_option(index=1 + cell)
    page.reload()
    page.wait_for_selector("html.ready", state="attached")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download corrections.csv (2 tracks)").click()
    rows = list(csv.DictReader(lines_of(download.value)))
    assert list(rows[0]) == ["path", "label", "corrected", "track_id"] and len(rows) == 2
    assert sum(row["corrected"] == row["label"] for row in rows) == 1
    assert not any(row["path"].startswith(("=", "+", "@")) for row in rows)


def test_a_table_is_saved_as_it_is_shown(written, visit):
    page = visit(written["tame"])
    reports.open_all(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV: Files of each class").click()
    rows = list(csv.reader(lines_of(download.value)))
    assert rows[0][0] == "Class" and rows[1][0] == "name 0"


def test_rows_are_put_in_order_and_filtered(written, visit):
    page = visit(written["tame"])
    reports.open_all(page)
    table = page.locator("table.data", has_text="Files of each class").first
    first = table.locator("tbody tr td bdi").first
    assert first.inner_text() == "name 0"
    heading = table.locator("th button", has_text="Class")
    heading.click()
    heading.click()
    assert first.inner_text() == "name 8"
    assert table.locator("th[aria-sort=descending]").count() == 1


def test_the_map_tells_what_is_pointed_at_and_plays_it(written, visit):
    page = visit(written["tame"])
    canvas, output = page.locator("canvas.points"), page.locator(".map .said")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert output.inner_text().startswith("name 2: name 2, predicted as name 3")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('audio').currentTime > 0")
    box = canvas.bounding_box()
    canvas.hover(position={"x": 14, "y": box["height"] - 15})
    assert output.inner_text().startswith("name 0: name 0")
    page.get_by_label("t-SNE").check()
    page.locator(".legend input").first.uncheck()
    canvas.hover(position={"x": 40, "y": box["height"] - 15})
    canvas.hover(position={"x": 14, "y": box["height"] - 15})
    assert output.inner_text().startswith("name 0: name 0")


def test_the_map_and_the_player_list_what_sounds_alike(written, visit):
    page = visit(written["tame"])
    page.locator("canvas.points").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    listed = page.locator(".map .near li")
    assert listed.count() == 2
    assert listed.first.inner_text().startswith("name 3") and "similarity 90 %" in listed.first.inner_text()
    listed.first.locator("button.play").click()
    page.wait_for_function("() => document.getElementById('audio').currentTime > 0")
    page.locator("#near summary").click()
    assert page.locator("#near li").first.inner_text().startswith("name 4")
    hostile = visit(written["hostile"])
    hostile.locator("canvas.points").focus()
    hostile.keyboard.press("ArrowRight")
    hostile.keyboard.press("ArrowUp")
    assert hostile.locator(".map .near li").count() == 2


def test_a_chart_says_what_is_pointed_at_and_by_keys(written, visit):
    page = visit(written["tame"])
    chart = page.locator("#results .chart").first
    canvas, tip = chart.locator("canvas"), chart.locator(".tip")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert tip.is_hidden()
    canvas.hover(position={"x": 0.35 * box["width"], "y": 0.62 * box["height"]})
    assert tip.inner_text() == "name 0, name 0: 60 (55 to 65); 40 tracks"
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert tip.inner_text() == "name 0, name 1: 40 (30 to 50); 40 tracks"
    page.keyboard.press("Escape")
    assert tip.is_hidden()


def test_entries_of_a_legend_hide_and_show_their_values(written, visit):
    page = visit(written["tame"])
    chart = page.locator("#results .chart").first
    entry, canvas = chart.get_by_role("button", name="name 0"), chart.locator("canvas")
    shown = "canvas => Chart.getChart(canvas).isDatasetVisible(0)"
    assert canvas.evaluate(shown) and entry.get_attribute("aria-pressed") == "true"
    before = canvas.screenshot()
    entry.focus()
    page.keyboard.press("Enter")
    assert not canvas.evaluate(shown) and entry.get_attribute("aria-pressed") == "false"
    assert canvas.screenshot() != before
    entry.click()
    assert canvas.evaluate(shown)


def test_charts_follow_the_theme(written, visit):
    page = visit(written["tame"], color_scheme="light")
    ink = "() => Chart.getChart(document.querySelector('.chart canvas')).options.scales.y.ticks.color"
    assert page.evaluate(ink) == "#17191d"
    page.locator("#theme").click()
    page.locator("#theme").click()
    assert page.evaluate(ink) == "#e9ebee"


def test_a_point_of_the_map_is_played_by_a_click(written, visit):
    page = visit(written["tame"])
    canvas = page.locator("canvas.points")
    canvas.scroll_into_view_if_needed()
    canvas.click(position={"x": 14, "y": canvas.bounding_box()["height"] - 15})
    page.wait_for_function("() => document.getElementById('audio').currentTime > 0")
    assert "name 0" in page.locator("#playing").inner_text()


def test_print_has_the_figures_and_all_that_is_folded(written, visit):
    page = visit(written["tame"])
    figure = page.locator("#results figure").first
    assert figure.locator("canvas").first.is_visible() and not figure.locator("img").is_visible()
    page.emulate_media(media="print")
    assert figure.locator("img").is_visible() and not figure.locator("canvas").first.is_visible()
    hidden = (
        "[...document.querySelectorAll('table.data tbody tr')].filter(row => getComputedStyle(row).display === 'none')"
    )
    assert page.evaluate(f"{hidden}.length") == 0


def test_a_long_table_shows_its_first_rows_and_all_when_filtered(written, visit):
    page = visit(written["long"])
    reports.open_all(page)
    table = page.locator("table.data", has_text="Files of each class").first
    rows = table.locator("tbody tr:visible")
    assert rows.count() == 8
    more = page.get_by_role("button", name="Show all 40 rows").first
    more.click()
    assert rows.count() == 40
    page.get_by_role("button", name="Show fewer rows").first.click()
    assert rows.count() == 8
    page.get_by_label("Filter rows of: Files of each class").fill("name 38")
    assert rows.count() == 1


def test_a_link_opens_what_is_folded(written, visit):
    page = visit(written["long"])
    experiment = page.locator("#experiment-b")
    assert experiment.get_attribute("open") is None and not experiment.locator("table").first.is_visible()
    page.evaluate("location.hash = '#experiment-b'")
    page.wait_for_function("() => document.getElementById('experiment-b').open")
    assert experiment.locator("table").first.is_visible()
    page.goto(written["long"].as_uri() + "#figure-second")
    page.reload()
    page.wait_for_selector("html.ready", state="attached")
    assert page.locator("#figure-second img").is_visible()


def test_what_is_folded_is_opened_by_keys_and_there_without_scripts(written, visit, browser):
    page = visit(written["long"])
    page.locator("#experiment-b summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#experiment-b table").first.is_visible()
    context = browser.new_context(java_script_enabled=False)
    bare = context.new_page()
    bare.goto(written["long"].as_uri())
    bare.locator("#experiment-b summary").first.click()
    assert bare.locator("#experiment-b table").first.is_visible()
    assert bare.locator("table.data", has_text="Files of each class").first.locator("tbody tr").count() == 40
    assert bare.locator("#results figure img").first.is_visible()
    context.close()


def test_without_scripts_all_is_there_but_lists_excerpts_and_map(written, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(written["tame"].as_uri())
    assert page.locator("figure img").first.is_visible() and page.locator("table.data").first.is_visible()
    assert page.locator("table.matrix button").first.is_visible()
    context.close()
