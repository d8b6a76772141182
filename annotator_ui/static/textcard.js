/** One caption or summary as a card: its fields, what people made of them, and its questions. */

import { button, clock, el } from "./dom.js";
import { fieldsOf } from "./textfold.js";
import { diffWords, piecesOf } from "./words.js";

const STATES = { accepted: "✓ accepted", rejected: "✕ rejected", edited: "✎ edited" };
const NAMES = { clip: "Clip", event: "Event", video: "Whole video" };
const FIELDS = { text: "Caption", judgement: "Judgement", description: "Description", analysis: "Analysis" };

/**
 * @param text as the server describes it, with the newest acts laid over
 * @param {object} look `{isSelected, field, editing, span, conflicts}`: `field` is the selected
 *   one's index, `editing` the words in its editor or null, `span` the chosen words or null
 * @param {object} hooks `pick(field)`, `save(words)`, `cancel()`, `typed(words)`, `selectWord(index, isExtending)`,
 *   `walk(event)`, `settle(conflict, choice)`
 */
export function textCard(text, look, hooks) {
  const head = el("button", {
    type: "button", class: "text-head", "aria-current": look.isSelected ? "true" : null,
    on: { click: () => hooks.pick(0), pointerdown: (event) => event.preventDefault() },
  },
  el("b", { text: NAMES[text.granularity] ?? text.granularity }),
  el("span", { class: "small", text: `${clock(text.start_seconds)} – ${clock(text.end_seconds)}` }),
  el("span", { class: "spring" }),
  text.state ? el("span", { class: `chip is-${text.state}`, text: STATES[text.state] + (text.reason ? `: ${text.reason}` : "") }) : null);
  const nodes = fieldsOf(text).map((field, index) => fieldNode(text, field, { index, look, hooks }));
  const [fields, answers] = [nodes.slice(0, text.fields.length), nodes.slice(text.fields.length)];
  return el("article", { class: `text-card is-${text.granularity}${look.isSelected ? " is-selected" : ""}` },
    head, findingsNode(text.findings), look.conflicts.map((conflict) => conflictNode(conflict, hooks)), fields, look.isSelected && answers.length ? answersNode(answers) : null);
}

function fieldNode(text, field, { index, look, hooks }) {
  const isChosen = look.isSelected && look.field === index;
  const isEditing = isChosen && look.editing !== null;
  const title = field.question ? el("h3", { class: "question", text: field.question })
    : text.fields.length > 1 ? el("h3", { text: FIELDS[field.field] ?? field.field }) : null;
  const body = isEditing ? editor(field, look.editing, hooks) : wordsNode(field, isChosen ? look.span : null, hooks);
  const node = el("div", { class: `text-field${isChosen ? " is-chosen" : ""}`, data: { field: String(index) } }, title, body);
  if (!isEditing) {
    node.addEventListener("click", () => hooks.pick(index));
    if (look.isSelected && field.text !== field.original) node.append(diffNode(field.original, field.text, "Changes to what the model wrote"));
  }
  return node;
}

/** What an audit suspects of the text or of its questions; it may be wrong, and changes nothing. */
function findingsNode(findings) {
  if (findings.length === 0) return null;
  return el("ul", { class: "findings", "aria-label": "Findings of the audit" }, findings.map(({ rule, meaning, detail }) =>
    el("li", { title: meaning }, el("b", { text: rule.replaceAll("-", " ") }), " ", el("span", { text: detail }))));
}

/** The words, those marked as hallucinated and those being chosen. */
function wordsNode(field, span, hooks) {
  const isInside = (piece, [start, end]) => piece.start < end && piece.end > start;
  const words = piecesOf(field.text).map((piece, index) => {
    const isWrong = field.spans.some((one) => isInside(piece, one));
    const isChosen = span !== null && isInside(piece, span);
    const node = el("span", { text: piece.text, data: { word: String(index) }, class: [isWrong ? "is-wrong" : "", isChosen ? "is-picked" : ""].join(" ").trim() || null });
    if (span !== null && piece.isWord) {
      node.addEventListener("click", (event) => {
        event.stopPropagation();
        hooks.selectWord(index, event.shiftKey);
      });
    }
    return node;
  });
  return el("p", {
    class: `words${span === null ? "" : " is-choosing"}`, tabindex: span === null ? null : "-1",
    "aria-label": span === null ? null : "Choose words: arrows move, Shift extends, Enter marks them, Esc leaves",
    on: span === null ? {} : { keydown: (event) => hooks.walk(event) },
  }, words);
}

function editor(field, words, hooks) {
  const area = el("textarea", { class: "field editor", rows: "6", "aria-label": field.question ? `Answer to: ${field.question}` : `Text of ${FIELDS[field.field] ?? field.field}` });
  area.value = words;
  area.addEventListener("input", () => hooks.typed(area.value));
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) hooks.save(area.value);
    else if (event.key === "Escape") hooks.cancel();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return el("div", { class: "editing" }, area, el("div", { class: "row-of-buttons" },
    button("save", { key: "Ctrl+Enter", kind: "is-main", run: () => hooks.save(area.value) }),
    button("cancel", { key: "Esc", run: () => hooks.cancel() })));
}

function diffNode(before, after, title) {
  const parts = diffWords(before, after).map(({ kind, text }) =>
    kind === "same" ? text : el(kind === "added" ? "ins" : "del", { text }));
  return el("details", { class: "diff", open: true, on: { click: (event) => event.stopPropagation() } }, el("summary", { text: title }), el("p", {}, parts));
}

/** Two people changed one text: both versions, and what may become of them. */
function conflictNode(conflict, hooks) {
  const { theirs } = conflict.refusal;
  const mine = conflict.body.text ?? null;
  const choose = (label, choice, kind = "") => button(label, { kind, run: () => hooks.settle(conflict, choice) });
  const heading = mine === null ? "Someone changed this text before your verdict on it." : "Someone changed this text while you edited it.";
  return el("div", { class: "conflict", role: "alert" },
    el("b", { text: heading }),
    theirs ? el("p", {}, el("span", { class: "small", text: "Theirs " }), theirs) : null,
    mine === null ? null : el("p", {}, el("span", { class: "small", text: "Yours " }), mine),
    mine === null || !theirs ? null : diffNode(theirs, mine, "From theirs to yours"),
    el("div", { class: "row-of-buttons" },
      choose(mine === null ? "Look again" : "Keep theirs", "theirs"),
      mine === null ? null : choose("Use mine", "mine", "is-main"),
      mine === null ? null : choose("Edit mine", "edit")));
}

function answersNode(answers) {
  return el("div", { class: "questions" }, el("h3", { text: "Questions and answers made from it" }), answers);
}
