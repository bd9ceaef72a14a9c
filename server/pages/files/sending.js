// Sends requests to the server that this page came from, and to no other.

// The page lies at …/docs, the API beside it, whatever prefix a proxy serves both under.
export const root = new URL(".", document.baseURI);
export const UNAUTHORIZED = 401;
// Told to the document when the server refuses a request without the key, or with another.
export const KEY_WANTED = "keywanted";
let key = "";

/** Keep the key, in this variable and nowhere else. No header holds a letter past ASCII. */
export function useKey(text) {
  key = /^[ -~]*$/.test(text) ? text.trim() : "";
}

/** Return the address of a path of the API, its query included. */
export function addressOf(path, query = {}) {
  const address = new URL(path.slice(1), root);
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
  return address;
}

/**
 * Send a request and return {status, statusText, type, text, milliseconds}.
 *
 * Where no answer comes at all, status is 0 and the text says so.
 */
export async function send({ method, address, headers = {}, body }) {
  const started = performance.now();
  const all = key ? { ...headers, Authorization: `Bearer ${key}` } : headers;
  try {
    const answer = await fetch(address, { method, headers: all, body, cache: "no-store" });
    if (answer.status === UNAUTHORIZED) document.dispatchEvent(new Event(KEY_WANTED));
    return {
      status: answer.status,
      statusText: answer.statusText,
      type: answer.headers.get("Content-Type") ?? "",
      text: await answer.text(),
      milliseconds: performance.now() - started,
    };
  } catch {
    const text = "No answer: is the server still running, and the file still there?";
    return { status: 0, statusText: "no answer", type: "", text, milliseconds: 0 };
  }
}

/** Return what a refusal says, in whichever dialect it is written. */
export function messageOf(answer) {
  try {
    const document = JSON.parse(answer.text);
    const said = document.error?.message ?? document.error ?? document.message;
    if (typeof said === "string") return said;
  } catch {
    // It is no JSON: a proxy's page, perhaps.
  }
  return answer.status ? `The server answered ${answer.status} ${answer.statusText}.` : answer.text;
}

/**
 * Write the same request as a command; the key is left to the shell's variable.
 *
 * A form has files under a field; any other body is one file, or a text.
 */
export function asCurl({ address, headers = {}, body, files = [], field }) {
  const words = ["curl", quoted(address.href)];
  if (key) words.push('-H "Authorization: Bearer $KEY"');
  for (const [name, value] of Object.entries(headers)) {
    words.push("-H", quoted(`${name}: ${value}`));
  }
  if (field) words.push(...files.map((file) => `-F ${quoted(`${field}=@${inForm(file)}`)}`));
  else if (files.length) words.push("--data-binary", quoted(`@${files[0]}`));
  else if (body !== undefined) words.push("--data-binary", quoted(body));
  return words.join(" ");
}

/** Write a file's name as curl wants it in a form, where some signs have a meaning. */
function inForm(name) {
  return /[;,"\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
