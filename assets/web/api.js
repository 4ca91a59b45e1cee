// api.js – the gateway's REST API, as far as the page needs it.

/** A request that got no answer (status 0) or a refusal. */
export class APIError extends Error {
  /** @param {number} status  of HTTP  @param {{error?: string, message?: string, retry_after?: number}} body */
  constructor(status, body) {
    super(body.message ?? `status ${status}`);
    this.status = status;
    this.code = body.error ?? "";
    this.retryAfter = body.retry_after ?? 0; // s
  }
}

async function ask(method, path, body) {
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      headers: method === "POST" ? { "Content-Type": "application/json" } : {},
      body: method === "POST" ? JSON.stringify(body ?? {}) : undefined,
      signal: AbortSignal.timeout(10_000),
    });
  } catch (error) {
    throw new APIError(0, { error: "no_answer", message: error.message });
  }
  const text = await response.text().catch(() => "");
  let answer = {};
  try {
    answer = text ? JSON.parse(text) : {};
  } catch {
    if (response.ok) throw new APIError(response.status, { error: "malformed", message: "the answer is not JSON" });
  }
  if (!response.ok) throw new APIError(response.status, answer);
  return answer;
}

export const session = () => ask("GET", "session");
export const status = () => ask("GET", "status");
export const login = (user, password) => ask("POST", "login", { user, password });
export const choosePassword = (user, password, chosen) => ask("POST", "password", { user, password, new: chosen });
export const record = (id, on) => ask("POST", `calls/${encodeURIComponent(id)}/recording`, { on });
export const logout = () => ask("POST", "logout");
