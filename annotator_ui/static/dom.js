/** Elements from plain values: text always by textContent, so that no caption can be markup. */

/**
 * @param {string} tag
 * @param {object} props `class`, `text`, `on` (event → handler), `style` (custom properties and
 *   all), `data`; anything else becomes an attribute, and null, undefined and false leave it out.
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) setProperty(node, name, value);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

function setProperty(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "class") node.className = value;
  else if (name === "text") node.textContent = value;
  else if (name === "on") for (const [type, run] of Object.entries(value)) node.addEventListener(type, run);
  else if (name === "style") for (const [key, entry] of Object.entries(value)) node.style.setProperty(key, entry);
  else if (name === "data") Object.assign(node.dataset, value);
  else node.setAttribute(name, value === true ? "" : value);
}

/** A button that says its key and does not take the focus from the page when pressed by mouse. */
export function button(label, { key = null, title = null, kind = "", run, pressed = null } = {}) {
  const node = el("button", {
    type: "button",
    class: `button ${kind}`.trim(),
    title,
    "aria-keyshortcuts": key,
    "aria-pressed": pressed === null ? null : String(pressed),
    on: { click: run, pointerdown: (event) => event.preventDefault() },
  });
  if (key) node.append(el("kbd", { text: key }));
  node.append(el("span", { text: label }));
  return node;
}

/**
 * An icon-sized button: `face` is a drawing or a few letters, `label` what a screen reader says
 * and the tooltip shows.
 */
export function iconButton(face, { label, key = null, run, kind = "" }) {
  return el("button", {
    type: "button",
    class: `icon ${kind}`.trim(),
    "aria-label": label,
    "aria-keyshortcuts": key,
    title: key ? `${label} (${key})` : label,
    on: { click: run, pointerdown: (event) => event.preventDefault() },
  }, face);
}

/** Gives an icon button another face and label. */
export function relabel(node, face, label, key = null) {
  node.replaceChildren(face);
  node.setAttribute("aria-label", label);
  node.title = key ? `${label} (${key})` : label;
}

export function replace(node, ...children) {
  node.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
}

/** 75.26 → "1:15.3"; whole seconds when `digits` is 0. */
export function clock(seconds, digits = 1) {
  const rounded = Number(Math.max(0, seconds).toFixed(digits));
  const hours = Math.floor(rounded / 3600);
  const minutes = Math.floor((rounded % 3600) / 60);
  const rest = (rounded % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export function percent(share) {
  return share === null || share === undefined ? "–" : `${Math.round(share * 100)} %`;
}
