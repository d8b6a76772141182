/** What stands of a video's texts after this person's newest acts. Pure. */

/**
 * @param {object[]} texts as the server gave them; `answers` is what was made from one, or null
 * @param {object[]} acts those that the server's answer does not have yet, in order
 */
export function foldTexts(texts, acts) {
  return texts.map((text) => ({ ...after(text, acts), answers: text.answers && after(text.answers, acts) }));
}

function after(text, acts) {
  const own = acts.filter(({ op, body }) => OPS[op] && keyOf(body) === keyOf(text));
  return own.reduce((state, { op, body, uuid }) => OPS[op](state, body, uuid), text);
}

export function keyOf({ target, target_id }) {
  return `${target}/${target_id}`;
}

/** A text's own fields and then its answers, each with the `owner` that acts on it name. */
export function fieldsOf(text) {
  const owners = text.answers ? [text, text.answers] : [text];
  return owners.flatMap((owner) => owner.fields.map((field) => ({ ...field, owner })));
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
