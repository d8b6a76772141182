/** Keyboard: from a key press to the name of an action, by defaults and the person's own keys. */

const CODES = { Comma: ",", Period: ".", Space: "Space" };
const NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Delete: "Del", Escape: "Esc" };
const IS_TYPED = new Set(["text", "search", "password", "email", "number", "url", "tel"]);
const PRESSES = "button, a[href], summary, [role=tab], [role=option], [role=radio], input, select";
const OPEN_TAB = "[role=tab][aria-selected=true]"; // who came by a tab still has it in focus

/** "M", "Shift+→", "Ctrl+Z": what this press is called; null for a modifier alone. */
export function chordOf(event) {
  if (["Shift", "Control", "Alt", "Meta", "AltGraph"].includes(event.key)) return null;
  const isSign = event.key.length === 1 && !/[a-z0-9\s]/i.test(event.key) && !CODES[event.code];
  const modifiers = [
    (event.ctrlKey || event.metaKey) && !isSign ? "Ctrl" : null,
    event.altKey && !isSign ? "Alt" : null,
    event.shiftKey && !isSign ? "Shift" : null,
  ];
  return [...modifiers.filter(Boolean), baseOf(event)].join("+");
}

function baseOf(event) {
  if (CODES[event.code]) return CODES[event.code];
  if (/^Digit\d$/.test(event.code)) return event.code.slice(5);
  if (/^Numpad\d$/.test(event.code)) return event.code.slice(6);
  return event.key.length === 1 ? event.key.toUpperCase() : NAMES[event.key] ?? event.key;
}

/** True while the keys belong to a field that the person writes in. */
export function isTyping(event) {
  const target = event.composedPath()[0];
  if (event.isComposing || event.keyCode === 229 || !(target instanceof Element)) return event.isComposing;
  if (target.isContentEditable || target.matches("textarea, select")) return true;
  return target.matches("input") && IS_TYPED.has(target.type);
}

/** Enter and Space press what has the focus, and arrows walk lists: taking them locks people out. */
export function belongsToFocused(event, chord) {
  const target = event.composedPath()[0];
  if (!(target instanceof Element)) return false;
  if (chord === "Enter" || chord === "Space") return target.closest(PRESSES) !== null && !target.closest(OPEN_TAB);
  return (chord === "↑" || chord === "↓") && target.closest("[role=listbox]") !== null;
}

/** @param actions action → {keys, label}; @param keymap action → keys, the person's own */
export function bindingsOf(actions, keymap = {}) {
  const bindings = new Map();
  for (const [name, action] of Object.entries(actions)) {
    for (const chord of keymap[name] ?? action.keys) bindings.set(chord, name);
  }
  return bindings;
}

export function isSingle(chord) {
  return chord.length === 1 || chord === "Space" || /^Shift\+.$/.test(chord);
}

/**
 * Hears keys for the page of `host` while it is shown.
 *
 * @param {() => Map<string, string>} bindings chord → action
 * @param {(action: string, event: KeyboardEvent, chord: string) => void} run
 * @param {(event: KeyboardEvent, chord: string) => boolean} isAllowed
 */
export function listen(host, { bindings, run, isAllowed, actions, signal }) {
  const hear = (event) => {
    if (host.offsetParent === null || event.defaultPrevented || isTyping(event)) return;
    const chord = chordOf(event);
    const action = chord && bindings().get(chord);
    if (!action || belongsToFocused(event, chord) || !isAllowed(event, chord)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat && !actions[action].repeats) return;
    run(action, event, chord);
  };
  window.addEventListener("keydown", hear, { capture: true, signal });
}
