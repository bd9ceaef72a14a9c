// Answers on their way to the desk. Each is kept in the tab until the desk has it, and sent after
// those before it: so none is lost by a reload, a desk that is away, or a reply that never came,
// and no reply tells of less than was said before it was asked for.

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;
const NO_REPLY_MS = 60_000;
// What no second try would change; all else is tried until it is saved.
const REFUSED = new Set([400, 404, 413, 415, 422]);

/** Sends one after another; what an earlier showing of the page left under `name` goes first. */
export class Outbox {
  /**
   * What is sent has a `path` and a `kind`: "answer", "undo" or "more", by which nothing is said.
   * `compose(one)` returns its body as it is to be now; `settled(one, reply)` and
   * `refused(one, reply)` hear what became of it, `changed()` of anything else.
   */
  constructor(name, { compose, settled, refused, changed }) {
    Object.assign(this, { name, compose, settled, refused, changed });
    this.waiting = kept(name) ?? [];
    this.trouble = ""; // why the first of them is not saved yet
    this.isSending = false;
    this.retry = () => {}; // ends a pause
  }

  /** What somebody said, and is not saved yet; oldest first. */
  get unsaved() {
    return this.waiting.filter(({ kind }) => kind !== "more");
  }

  add(one) {
    this.waiting.push(one);
    this.#keep();
    this.send();
  }

  /** Send `one` before all that waits; only before anything is sent. */
  addFirst(one) {
    this.waiting.unshift(one);
    this.send();
  }

  /** Send `one` never; return false where it may be with the desk already. */
  takeBack(one) {
    const place = this.waiting.indexOf(one);
    if (place < 0 || (place === 0 && this.isSending)) return false;
    this.waiting.splice(place, 1);
    this.#keep();
    return true;
  }

  /** Send what waits, for as long as that takes. */
  async send() {
    if (this.isSending) return;
    this.isSending = true;
    for (let pause = FIRST_PAUSE_MS; this.waiting.length; ) {
      const first = this.waiting[0];
      const reply = await post(first.path, this.compose(first));
      this.trouble = troubleOf(reply);
      if (!this.trouble) {
        this.#settle(first, reply);
        pause = FIRST_PAUSE_MS;
      } else if (first.kind === "more" && this.waiting.length === 1) {
        this.waiting.shift(); // it is asked for again anyway
      } else {
        this.changed();
        await this.#pause(pause);
        pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
      }
    }
    this.isSending = false;
    this.changed();
  }

  #settle(first, reply) {
    this.waiting.shift();
    if (REFUSED.has(reply.status)) this.refused(first, reply.told);
    else this.settled(first, reply.told);
    this.#keep();
  }

  #pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.retry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #keep() {
    keepAs(this.name, this.unsaved);
    this.changed();
  }
}

/** Return what is kept in this tab under a name; null for nothing. */
export function kept(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null; // a browser that keeps nothing
  }
}

/** Keep a value in this tab. */
export function keepAs(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing: it is sent all the same.
  }
}

async function post(path, body) {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body),
      keepalive: true, // it arrives also where the page is closed meanwhile
      signal: AbortSignal.timeout(NO_REPLY_MS),
    });
    return { status: response.status, told: await response.json() };
  } catch {
    return { status: 0, told: {} }; // no reply, or none of the desk's
  }
}

function troubleOf({ status, told }) {
  if (status === 200 || status === 409 || REFUSED.has(status)) return "";
  if (status === 0) return "The desk does not answer.";
  if (told.error?.code === "no_name") return "The desk wants your name again: open it in another tab, and give it.";
  if (status === 401) return "The desk wants its key again: open it in another tab, and sign in.";
  return told.error?.message ?? `The desk answers ${status}.`;
}
