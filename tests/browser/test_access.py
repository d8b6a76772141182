"""For everybody: the keyboard alone is enough, the focus is seen, and narrow windows do."""

import pytest
from playwright.sync_api import Browser

from tests.browser.harness import Desk, Server, a_desk

FOCUSED = """(() => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(at);
    const hasRing = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
    return {
        name: at.getAttribute('aria-label') || at.title || at.innerText?.slice(0, 30) || at.tagName,
        type: at.type ?? at.getAttribute('role'),
        isSeen: at.matches(':focus-visible') && hasRing,
        isOurs: at.getRootNode() !== document,
    };
})()"""
UNNAMED = """[...root.querySelectorAll('button, input, textarea, img, [role=option], [role=img]')]
    .filter((node) => node.checkVisibility() && !node.closest('[aria-hidden=true]'))
    .filter((node) => !(node.getAttribute('aria-label') || node.innerText?.trim() || node.title
        || node.placeholder || node.labels?.length || node.alt))
    .map((node) => node.outerHTML.slice(0, 120))"""
MAY_SCROLL = ".items, .scroller, .events, .texts, .transport"
OUTSIDE = """[...root.querySelectorAll('button, .screen, .timeline')].filter((node) => {
    const { left, right } = node.getBoundingClientRect();
    return node.checkVisibility() && !node.closest(given.mayScroll)
        && (left < -1 || right > window.innerWidth + 1);
}).map((node) => node.innerText || node.className)"""


def tab_to(desk: Desk, kind: str) -> None:
    """Press Tab until something of that kind has the focus."""
    for _ in range(40):
        if desk.see(FOCUSED)["type"] == kind:
            return
        desk.press("Tab")
    raise AssertionError(f"Tab never reaches a {kind}")


def test_three_marks_are_made_and_saved_by_the_keyboard_alone(
    plain: Server, browser: Browser
) -> None:
    video = plain.fresh_video()
    desk = a_desk(browser, plain)
    desk.wait("content.bench.queue.videos.length > 0")
    tab_to(desk, "search")
    desk.page.keyboard.type(video)
    desk.wait("root.querySelectorAll('.row').length === 1")
    tab_to(desk, "option")
    desk.press("Enter")
    desk.wait_for_picture(video)
    for num in (1, 2, 3):
        desk.press(*"." * 10, "m")
        desk.wait(f"content.marksShown.length === {num}")
    desk.press("2", "d", "Enter")
    desk.saved()
    ops = [act["do"]["op"] for act in plain.acts(video)]
    assert ops == ["mark.add"] * 3 + ["mark.delete", "video.state"]
    desk.page.context.close()


@pytest.mark.parametrize("look", ["light", "dark"])
def test_whatever_has_the_focus_shows_it(plain: Server, browser: Browser, look: str) -> None:
    desk = a_desk(browser, plain, color_scheme=look)
    desk.wait_for_picture()
    names = []
    for _ in range(30):
        desk.press("Tab")
        focused = desk.see(FOCUSED)
        if focused["isOurs"]:
            names.append(focused["name"])
            assert focused["isSeen"], focused
    assert len(set(names)) > 8
    desk.page.context.close()


def test_everything_on_the_page_has_a_name(finished: Server, browser: Browser) -> None:
    """Screen readers say it."""
    desk = a_desk(browser, finished)
    for name in ("clicks", "boundaries", "text", "review", "blind", "progress"):
        desk = desk if name == "clicks" else desk.go_to(name)
        desk.wait("root.querySelectorAll('button').length > 2")
        assert desk.see(UNNAMED) == [], name
    desk.page.context.close()


@pytest.mark.parametrize("width", [1024, 1280, 1920, 2560])
def test_pages_fit_from_1024_pixels_up(finished: Server, browser: Browser, width: int) -> None:
    desk = a_desk(browser, finished, viewport={"width": width, "height": 720})
    for name in ("clicks", "boundaries", "text", "review", "blind", "progress"):
        desk = desk if name == "clicks" else desk.go_to(name)
        desk.wait("root.querySelectorAll('button').length > 2")
        fits(desk)
    desk.page.context.close()


def fits(desk: Desk) -> None:
    assert desk.see("document.documentElement.scrollWidth <= window.innerWidth")
    assert desk.see(OUTSIDE, mayScroll=MAY_SCROLL) == [], desk.name
