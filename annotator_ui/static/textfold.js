/** What stands of a video's texts after this person's newest acts. Pure. */

/**
 * @param {object[]} texts as the server gave them
 * @param {object[]} acts those that the server's answer does not have yet, in order
 */
export function foldTexts(texts, acts) {
  const state = new Map(texts.map((text) => [keyOf(text), text]));
  for (const { op, body, uuid } of acts) {
    const text = state.get(keyOf(body));
    if (text && OPS[op]) state.set(keyOf(body), OPS[op](text, body, uuid));
  }
  return [...state.values()];
}

export function keyOf({ target, target_id }) {
  return `${target}/${target_id}`;
}

const OPS = {
  "text.accept": (text) => ({ ...text, state: "accepted", reason: null }),
  "text.reject": (text, body) => ({ ...text, state: "rejected", reason: body.reason }),
  "text.edit": (text, body, uuid) => ({
    ...text,
    ...inField(text, body.field, () => ({ text: body.text, rev: uuid, spans: [] })),
    state: "edited",
    rev: uuid,
  }),
  "text.hallucinated": (text, body) => ({
    ...text,
    ...inField(text, body.field, (field) => ({ spans: [...field.spans, [body.start, body.end]] })),
  }),
};

function inField(text, name, change) {
  return { fields: text.fields.map((field) => (field.field === name ? { ...field, ...change(field) } : field)) };
}
