/** The page's only script: defines `<vau-player>` with everything it needs. */

import { BlindPage } from "./blind.js";
import { BoundariesPage } from "./boundaries.js";
import { ClicksPage } from "./clicks.js";
import { Context } from "./context.js";
import { playerClass } from "./player.js";
import { ProgressPage } from "./progress.js";
import { TextPage } from "./text.js";

const pages = {
  clicks: ClicksPage,
  boundaries: BoundariesPage,
  text: TextPage,
  review: ClicksPage,
  blind: BlindPage,
  progress: ProgressPage,
};

async function loadSheet() {
  const response = await fetch(new URL("./style.css", import.meta.url));
  return new CSSStyleSheet().replace(await response.text());
}

/** One context for all pages of the tab; a failed try is not kept. */
function sharing(open) {
  let shared = null;
  return () => {
    shared ??= open().catch((error) => {
      shared = null;
      throw error;
    });
    return shared;
  };
}

customElements.define("vau-player", playerClass({ openContext: sharing(() => Context.open()), pages, sheet: await loadSheet() }));
