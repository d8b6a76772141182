"""Acknowledged is on disk, and the rest is in the browser: servers are killed, tabs are closed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from engine.executors.local import LocalExecutor
from tests.browser.harness import Desk, Server, a_desk, another_tab, opened, serving
from tests.builders import a_dataset, add_video, run_named

VIDEO = "walk"
NUM_KILLS = 3
PRESSES = 6


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    dataset = a_dataset(tmp_path_factory.mktemp("mortal") / "ds")
    add_video(dataset, f"{VIDEO}.mp4", num_frames=200)
    with LocalExecutor(workers=1) as executor:
        run_named(dataset, "ingest", executor=executor)
    with serving(dataset) as found:
        yield found


@pytest.fixture
def desk(mortal: Server, browser: Browser) -> Iterator[Desk]:
    found = a_desk(browser, mortal)
    found.open(VIDEO)
    yield found
    found.page.context.close()


def test_server_killed_in_mid_burst_again_and_again_loses_and_doubles_nothing(
    mortal: Server, desk: Desk
) -> None:
    num_before = len(desk.frames())
    for kills in range(1, NUM_KILLS + 1):
        desk.press(*"m" * PRESSES)
        mortal.kill()
        desk.press(*"m" * PRESSES)
        desk.wait(f"content.marksShown.length === {num_before + kills * 2 * PRESSES}")
        mortal.start()
    desk.saved()
    marks = [mark["mark"] for mark in mortal.deeds(VIDEO, "mark.add")]
    assert len(marks) == len(set(marks)) == num_before + NUM_KILLS * 2 * PRESSES


def test_marks_made_while_the_server_is_down_survive_a_closed_tab(
    mortal: Server, desk: Desk
) -> None:
    num_before = len(mortal.deeds(VIDEO, "mark.add"))
    mortal.kill()
    desk.press(".", *"m" * 3)
    desk.wait(f"content.marksShown.length === {num_before + 3}")
    desk.wait("root.querySelector('.saved').innerText.includes('3 unsaved')")
    context = desk.page.context
    desk.page.close()
    mortal.start()
    again = opened(another_tab(context, mortal))
    again.open(VIDEO)
    again.saved()
    assert len(again.frames()) == len(mortal.deeds(VIDEO, "mark.add")) == num_before + 3
