// The REST API, as docs/wire.md describes it.

/** What the server refused: `status`, `detail` (a sentence), `errors` (`[{path, message}]` of a 422), `line` and `column`, `retrySeconds`. Status 0: no answer. */
export class ApiError extends Error {
  constructor(status, problem, retrySeconds = 0) {
    super(problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    this.errors = problem.errors ?? [];
    this.line = problem.line ?? null; // of a text that cannot be read at all
    this.column = problem.column ?? null;
    this.retrySeconds = retrySeconds; // how long the server asks to be left alone
  }
}

/** GET a path below /api/v1, as JSON. */
export function get(path, { signal } = {}) {
  return request(path, { signal });
}

/** Whether a GET of `path` is accepted. Nothing of the answer is read: the caller ends it by its signal. */
export async function probe(path, signal) {
  await accepted(path, { signal });
}

/** POST a text of another type than JSON. */
export function postText(path, text, type, { headers = {}, signal } = {}) {
  return request(path, { method: "POST", headers: { ...headers, "Content-Type": type }, body: text, signal });
}

/** POST `body` as JSON; `headers` are added. */
export function post(path, body = undefined, headers = {}, { signal } = {}) {
  return request(path, {
    method: "POST",
    signal,
    headers: { ...headers, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

/** DELETE a path. */
export function remove(path) {
  return request(path, { method: "DELETE" });
}

async function request(path, options) {
  const response = await accepted(path, options);
  return response.status === 204 ? null : response.json();
}

async function accepted(path, options) {
  const response = await answer(path, options);
  if (response.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  if (!response.ok) throw new ApiError(response.status, await problemOf(response), Number(response.headers.get("Retry-After") ?? 0));
  return response;
}

async function answer(path, options) {
  try {
    return await fetch(`/api/v1${path}`, { ...options, headers: { Accept: "application/json", ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { detail: "The server does not answer. Is it still running?" });
  }
}

async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}
