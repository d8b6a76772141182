/** Texts as words: what changed between two versions, and stretches counted in characters. */

/**
 * The words of a text and what stands between them, with their places.
 *
 * @returns {{text: string, start: number, end: number, isWord: boolean}[]} places in code points,
 *   as the server counts
 */
export function piecesOf(text) {
  let at = 0;
  return (text.match(/\s+|\S+/gu) ?? []).map((piece) => {
    const start = at;
    at += [...piece].length;
    return { text: piece, start, end: at, isWord: /\S/u.test(piece) };
  });
}

/**
 * The shortest way from one text to another, word by word.
 *
 * @returns {{kind: "same" | "added" | "removed", text: string}[]} neighbors of one kind joined
 */
export function diffWords(before, after) {
  const [from, to] = [tokens(before), tokens(after)];
  const lengths = commonLengths(from, to);
  const parts = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    if (i < from.length && from[i] === to[j]) push(parts, "same", from[i++], j++);
    else if (j >= to.length || (i < from.length && lengths[i + 1][j] >= lengths[i][j + 1])) push(parts, "removed", from[i++]);
    else push(parts, "added", to[j++]);
  }
  return parts;
}

function tokens(text) {
  return text.match(/\S+\s*/gu) ?? [];
}

/** How many words the rests of both texts have in common, from each pair of places on. */
function commonLengths(from, to) {
  const lengths = Array.from({ length: from.length + 1 }, () => new Uint32Array(to.length + 1));
  for (let i = from.length - 1; i >= 0; i -= 1) {
    for (let j = to.length - 1; j >= 0; j -= 1) {
      lengths[i][j] = from[i] === to[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  return lengths;
}

function push(parts, kind, text) {
  const last = parts.at(-1);
  if (last?.kind === kind) last.text += text;
  else parts.push({ kind, text });
}
