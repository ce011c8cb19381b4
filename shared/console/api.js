/** Calls of the API. The function key is kept for this tab's session only, and leaves it in a header alone. */

const KEY = "sms-function-key";

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const keepKey = (key) => sessionStorage.setItem(KEY, key);
export const hasKey = () => sessionStorage.getItem(KEY) !== null;
export const forgetKey = () => sessionStorage.removeItem(KEY);

/** Call the API below /api; give what it answers, read as JSON. Throws ApiError. */
export async function call(method, path, { body, headers = {} } = {}) {
  const answer = await fetched(method, path, body, headers);
  return answer.json();
}

/** Get what has changed since the ETag: `{tag, told}`, or null when nothing has. Throws ApiError. */
export async function news(path, tag) {
  const answer = await fetched("GET", path, undefined, tag ? { "If-None-Match": tag } : {});
  return answer.status === 304 ? null : { tag: answer.headers.get("ETag"), told: await answer.json() };
}

/** Get a file and have the browser save it; a link could not carry the key. */
export async function download(path, name) {
  const answer = await fetched("GET", path);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function fetched(method, path, body, extra = {}) {
  const headers = { ...extra };
  if (hasKey()) headers["x-functions-key"] = sessionStorage.getItem(KEY);
  const isModel = body !== undefined && !(body instanceof FormData);
  if (isModel) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: isModel ? JSON.stringify(body) : body })
    .catch(() => { throw new ApiError(0, "Offline", "The app does not answer. Check the connection."); });
  if (!answer.ok && answer.status !== 304) throw await problem(answer);
  return answer;
}

async function problem(answer) {
  const { error } = await answer.json().catch(() => ({}));
  const details = (error?.details ?? []).map((one) => `${one.target ? `${one.target}: ` : ""}${one.message}`);
  const words = [error?.message ?? `The app answered ${answer.status}.`, ...details].join(" ");
  return new ApiError(answer.status, error?.code ?? "", words);
}
