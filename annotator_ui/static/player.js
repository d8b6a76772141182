/** `<vau-player page="clicks">`: one page of the annotator, sealed in a shadow root. */

import { ACTIONS } from "./actions.js";
import { ApiError } from "./api.js";
import { el, replace } from "./dom.js";
import { Header } from "./header.js";
import { Help } from "./help.js";
import { bindingsOf, isSingle, listen } from "./keys.js";
import { Refused } from "./refused.js";
import { followTheme } from "./theme.js";

const SAY_MS = 6000;

/**
 * The element's class.
 *
 * @param {() => Promise<Context>} openContext shared by all pages of the tab
 * @param pages page name → class of the page
 * @param {CSSStyleSheet} sheet
 */
export function playerClass({ openContext, pages, sheet }) {
  return class VauPlayer extends HTMLElement {
    connectedCallback() {
      this.abort = new AbortController();
      const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [sheet];
      const { signal } = this.abort;
      followTheme(() => (this.dataset.theme = document.documentElement.dataset.vauTheme), signal);
      this.fit();
      window.addEventListener("resize", () => this.fit(), { signal });
      const watcher = new IntersectionObserver(() => this.fit());
      watcher.observe(this);
      signal.addEventListener("abort", () => watcher.disconnect());
      this.open(root, signal);
    }

    disconnectedCallback() {
      this.abort.abort();
      this.content?.hide?.();
    }

    /** As high as the window leaves room for, so that nothing scrolls away while working. */
    fit() {
      const wasHidden = this.isHidden === true;
      this.isHidden = this.offsetParent === null;
      if (this.isHidden) return this.content?.hide?.();
      if (wasHidden) this.content?.comeBack?.();
      const top = this.getBoundingClientRect().top + window.scrollY;
      this.style.height = `${Math.max(480, window.innerHeight - top)}px`;
      return undefined;
    }

    async open(root, signal) {
      replace(root, el("p", { class: "opening", role: "status", text: "Opening …" }));
      try {
        const context = await openContext();
        if (!signal.aborted) this.show(root, context, signal);
      } catch (error) {
        this.failed(root, error, signal);
      }
    }

    failed(root, error, signal) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return window.location.assign("/login");
      replace(root, el("p", { class: "opening is-bad", role: "alert", text: `Could not open: ${error.message}. Trying again …` }));
      setTimeout(() => !signal.aborted && this.open(root, signal), 2000);
      return undefined;
    }

    show(root, context, signal) {
      const name = this.getAttribute("page");
      this.notice = el("div", { class: "notice", role: "status", "aria-live": "polite" });
      const help = new Help(context, name);
      const refused = new Refused(context);
      const header = new Header(context, { openHelp: () => help.toggle(), openRefused: () => refused.open(), signal });
      this.view = { context, page: name, signal, header, say: (text, kind) => this.say(text, kind), run: (action) => this.run(action) };
      this.content = new pages[name](this.view);
      this.content.node.append(this.notice);
      replace(root, header.node, this.content.node, help.node, refused.node);
      this.actions = { ...this.content.actions, help: () => help.toggle() };
      this.hear(context, help, name, signal);
      this.content.start();
    }

    hear(context, help, name, signal) {
      listen(this, {
        actions: ACTIONS[name],
        bindings: () => bindingsOf(ACTIONS[name], context.keymap(name)),
        isAllowed: (event, chord) => this.isAllowed(event, chord, context, help),
        run: (action, event, chord) => this.run(action, event, chord),
        signal,
      });
    }

    /** Dialogs keep their keys; single keys may be limited to the video by the person. */
    isAllowed(event, chord, context, help) {
      if (this.shadowRoot.querySelector("dialog[open]")) return false;
      if (this.content.keepsKeys?.(event, chord)) return false;
      if (context.settings.single_keys || !isSingle(chord)) return true;
      return event.composedPath().includes(this.shadowRoot.querySelector(".stage"));
    }

    run(action, event = null, chord = null) {
      this.actions[action]?.(event, chord);
    }

    /** A short message that goes away by itself. */
    say(text, kind = "plain") {
      clearTimeout(this.saying);
      this.notice.dataset.kind = kind;
      this.notice.textContent = text;
      this.saying = setTimeout(() => (this.notice.textContent = ""), SAY_MS);
    }
  };
}
