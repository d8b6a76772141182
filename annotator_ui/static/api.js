/** Calls to our own routes: JSON in, JSON out, and one kind of error that says what went wrong. */

export class ApiError extends Error {
  /** @param {number} status HTTP status, or 0 when the server was not reached. */
  constructor(status, message, body = null) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

export function getJson(path, { signal } = {}) {
  return call(path, { signal });
}

export function postJson(path, body, { signal } = {}) {
  const headers = { "Content-Type": "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

async function call(path, options) {
  const { response, text } = await reach(path, options);
  const body = isJson(response) && text ? JSON.parse(text) : null;
  if (response.ok) return body;
  throw new ApiError(response.status, reason(response, body), body);
}

/** A server that dies in the middle of its answer was not reached either. */
async function reach(path, options) {
  try {
    const response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
    return { response, text: await response.text() };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "the server cannot be reached");
  }
}

function isJson(response) {
  return (response.headers.get("Content-Type") ?? "").includes("json");
}

function reason(response, body) {
  const said = body?.why ?? body?.detail ?? body?.error;
  if (typeof said === "string") return said;
  return `the server answered ${response.status} ${response.statusText}`.trim();
}
