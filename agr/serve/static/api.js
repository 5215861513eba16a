// What the page asks of the service.

const RETRIES = 3;
const KEY = "agr-key"; // sessionStorage: forgotten with the tab

export class ServiceError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status; // 0: the service cannot be reached
  }
}

export function setKey(key) {
  sessionStorage.setItem(KEY, key);
}

export async function health() {
  const response = await fetch("health");
  if (!response.ok) throw new ServiceError(await problem(response), response.status);
  return response.json();
}

export async function predict(blob, name, signal) {
  for (let attempt = 0; ; attempt++) {
    const response = await send(blob, name, signal);
    if (response.ok) return (await response.json()).results;
    const busy = response.status === 503 || response.status === 429;
    if (!busy || attempt === RETRIES) {
      throw new ServiceError(await problem(response), response.status);
    }
    const seconds = Number(response.headers.get("Retry-After")) || 1;
    await new Promise((resolve) => setTimeout(resolve, Math.min(seconds, 10) * 1000));
  }
}

async function send(blob, name, signal) {
  const body = new FormData();
  body.append("images", blob, name);
  const key = sessionStorage.getItem(KEY);
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  try {
    return await fetch("v1/predict?faces=detect", { method: "POST", body, headers, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(
      navigator.onLine
        ? "The service cannot be reached."
        : "You are offline; pictures can be read once you are connected again.",
    );
  }
}

async function problem(response) {
  try {
    const { detail, title } = await response.json();
    return detail || title;
  } catch {
    return `The service answered ${response.status}.`; // a proxy's own error page
  }
}
