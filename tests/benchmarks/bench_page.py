"""A list of 2,000 videos: how long from opening the address until one can work?

Run: `python -m tests.benchmarks.bench_page`; needs what `make test-browser` installs. Each time a
new browser without a cache; usable is when the list is there and the first picture is shown.
"""

import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import sync_playwright

from tests.benchmarks.bench_annotate import big_dataset
from tests.browser.harness import opened, serving, signed_in

NUM_TIMES = 9
USABLE = "content?.bench.queue.videos.length === 2000 && content.stage.frames?.shown >= 0"


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        dataset = big_dataset(Path(folder) / "dataset")
        flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        with serving(dataset) as server:
            desk = signed_in(browser, server, "ann0")
            desk.wait(USABLE)
            known = desk.page.context.storage_state()
            seconds = []
            for _ in range(NUM_TIMES):
                context = browser.new_context(storage_state=known)
                page = context.new_page()
                started = time.perf_counter()
                page.goto(f"{server.url}/ui/", wait_until="commit")
                opened(page).wait(USABLE)
                seconds.append(time.perf_counter() - started)
                context.close()
        browser.close()
    print(f"usable after {median(seconds):.2f} s p50, {max(seconds):.2f} s worst of {NUM_TIMES}")


if __name__ == "__main__":
    main()
