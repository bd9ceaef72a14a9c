// One picture after another: an answer shows the next one at once, the outbox brings it to the desk.

import { Choices } from "./choices.js";
import { pressed } from "./keys.js";
import { Outbox, kept, keepAs } from "./outbox.js";
import { fetchAhead, showPicture } from "./picture.js";

const AHEAD = 6; // the picture in front, and the five after it
const SETTLING_MS = 600; // a picture that came uncalled takes no key yet
const LONGEST_SECONDS = 600; // who took longer was away
const MOST_SAID = 300;
const UNSAVED = "desk.review.unsaved";
const SAID = "desk.review.said";
const COMMANDS = { X: "not a garment", "?": "cannot tell", S: "later" };

const at = (id) => document.getElementById(id);
const { visit, batch, reason, audit, answer, undo, more, leave, renew } = at("review").dataset;
const frame = { place: at("picture"), small: at("seen"), none: at("no-picture") };
const parts = Object.fromEntries(
  ["classes", "find", "nothing", "model", "commands"].map((id) => [id, at(id)]),
);
const choices = new Choices(parts);
const models = {};
const said = kept(SAID) ?? []; // what was said in this tab, for undo: { item, verdict, review }
let queue = []; // what is before this person; the first is shown
let shown = null;
let leftAtDesk = null; // how many wait there, as of what it was told
let since = null; // when it was there to be seen; null: not yet, or not all the time
let takesKeysFrom = Infinity;
const outbox = new Outbox(UNSAVED, { compose, settled, refused, changed: tellSaved });

// Between the desk and the page

function compose({ kind, item, verdict, label, seconds, review }) {
  const wanted = AHEAD + outbox.unsaved.length;
  const asked = { visit, batch, reason, audit, wanted, holding: queue.map(({ id }) => id) };
  if (kind === "answer") return { ...asked, picture: item.id, verdict, label, seconds };
  return kind === "undo" ? { ...asked, review } : asked;
}

function settled(one, reply) {
  if (one.kind === "answer") settleAnswer(one, reply);
  if (one.kind === "undo") settleUndo(one, reply);
  if (one.kind === "more" && !outbox.unsaved.length) dropTaken(reply.items);
  if (reply.told) tell(reply.told);
  absorb(reply);
}

function settleAnswer({ item, verdict }, { saved }) {
  if (verdict === "later") return;
  const undoing = outbox.waiting.find((one) => one.kind === "undo" && isSame(one.item, item));
  const mine = undoing ?? said.findLast((one) => isSame(one.item, item) && !one.review);
  if (saved && mine) mine.review = saved;
  else if (undoing) outbox.takeBack(undoing); // somebody else's answer stands
  else if (mine) said.splice(said.indexOf(mine), 1);
  keepAs(SAID, said);
}

function settleUndo({ item }, { back, stands }) {
  if (stands && item) withdraw(item);
  if (back && !item) putInFront(back);
}

/** Leave to others what they took while nobody looked at this page; what is shown stays. */
function dropTaken(mine) {
  const ids = new Set(mine.map(({ id }) => id));
  queue = queue.filter(({ id }, place) => place === 0 || ids.has(id));
}

function refused(one, { error }) {
  const name = one.item ? `${one.item.shown}: ` : "";
  complain(`${name}${error?.message ?? "this cannot be saved."}`);
  if (one.kind === "answer") settleAnswer(one, {});
  if (one.kind === "undo" && one.item) withdraw(one.item);
  outbox.add({ kind: "more", path: more });
}

/** Take over what waits: what is shown stays, what is on its way to the desk does not come again. */
function absorb({ items = [], models: further = {}, left, time, counts }) {
  for (const [version, model] of Object.entries(further)) models[version] ??= model;
  const known = new Set([...queue, ...outbox.unsaved.map(({ item }) => item)].map((one) => one?.id));
  queue.push(...items.filter(({ id }) => !known.has(id)));
  if (time !== undefined) at("time").textContent = at("time").title = time;
  leftAtDesk = left ?? leftAtDesk;
  if (counts) tellCounts(counts);
  tellLeft();
  show();
}

// What a person does

function say(verdict, label) {
  if (!shown || performance.now() < takesKeysFrom) return;
  const seconds = since === null ? null : (performance.now() - since) / 1000;
  const one = { kind: "answer", path: answer, item: shown, verdict, label };
  one.seconds = seconds !== null && seconds < LONGEST_SECONDS ? seconds : null;
  queue = queue.filter(({ id }) => id !== shown.id);
  said.push({ item: shown, verdict, review: null });
  said.splice(0, said.length - MOST_SAID);
  keepAs(SAID, said);
  complain("");
  show();
  outbox.add(one);
}

function takeBack() {
  const last = said.pop();
  keepAs(SAID, said);
  if (!last) {
    outbox.add({ kind: "undo", path: undo }); // the desk knows what was said before this tab
    return;
  }
  const unsent = outbox.unsaved.findLast((one) => one.kind === "answer" && isSame(one.item, last.item));
  const isGone = unsent ? outbox.takeBack(unsent) : last.verdict === "later";
  if (!isGone && last.verdict !== "later") {
    outbox.add({ kind: "undo", path: undo, item: last.item, review: last.review });
  }
  putInFront(last.item);
}

function putInFront(item) {
  queue = [item, ...queue.filter(({ id }) => id !== item.id)];
  show();
}

function withdraw(item) {
  queue = queue.filter(({ id }) => id !== item.id);
  if (isSame(shown, item)) takesKeysFrom = performance.now() + SETTLING_MS;
  show();
}

// What is to be seen

function show() {
  fetchAhead(queue.slice(0, AHEAD));
  const next = queue[0] ?? null;
  at("work").hidden = !next;
  at("none").hidden = Boolean(next) || outbox.waiting.length > 0;
  if (isSame(shown, next) || (!shown && !next)) return;
  const settling = Math.max(takesKeysFrom === Infinity ? 0 : takesKeysFrom, 0);
  shown = next;
  since = null;
  takesKeysFrom = Infinity;
  tellWhetherKeysAreTaken();
  if (!next) {
    at("name").textContent = at("name").title = "";
    return;
  }
  at("name").textContent = at("name").title = next.shown;
  choices.clear();
  if (choices.offer(models[next.model])) markOtherClasses();
  offerToAccept(next.said);
  showPicture(next, frame).then(() => {
    if (shown !== next) return;
    takesKeysFrom = settling;
    tellWhetherKeysAreTaken();
    since = document.hidden ? null : performance.now();
  });
}

/** A page that does not take answers yet says so, to readers of screens too. */
function tellWhetherKeysAreTaken() {
  const wait = takesKeysFrom - performance.now();
  at("work").ariaBusy = String(Boolean(shown) && wait > 0);
  if (wait > 0 && wait < Infinity) setTimeout(tellWhetherKeysAreTaken, wait);
}

/** Let nobody press on by habit where keys mean something else now. */
function markOtherClasses() {
  at("model").classList.add("other");
  setTimeout(() => at("model").classList.remove("other"), 2000);
}

function offerToAccept(words) {
  at("accept").hidden = !words;
  if (!words) return;
  at("accept").value = words.label ?? "";
  at("accept").querySelector("span").textContent = words.shown;
}

function tell(sentence) {
  at("last").replaceChildren(...sentence.map(({ text, strong }) => (strong ? emphasis(text) : text)));
}

function emphasis(text) {
  const name = Object.assign(document.createElement("bdi"), { textContent: text });
  const strong = document.createElement("strong");
  strong.append(name);
  return strong;
}

function tellLeft() {
  if (leftAtDesk === null) return;
  const onTheirWay = outbox.unsaved.filter(({ verdict }) => verdict !== "later");
  const changes = onTheirWay.map(({ kind }) => (kind === "undo" ? 1 : -1));
  const count = changes.reduce((sum, change) => sum + change, leftAtDesk);
  const text = `${Math.max(count, 0).toLocaleString("en")} left`;
  at("left").textContent = text;
  at("nothing-waits").hidden = count > 0;
  at("others-have").hidden = count <= 0;
  document.title = document.title.replace(/^[\d,]+ left/, text);
}

/** Have the choice of batches and reasons say how many wait of each by now. */
function tellCounts(counts) {
  for (const place of document.querySelectorAll("[data-counts]")) {
    const count = counts[place.dataset.counts][place.dataset.of] ?? 0;
    place.textContent = count.toLocaleString("en");
  }
}

function tellSaved() {
  tellLeft();
  const count = outbox.unsaved.length;
  at("saved").hidden = false;
  at("saved").textContent = count ? `${count} not saved yet` : "all saved";
  at("saved").classList.toggle("wants", Boolean(outbox.trouble && count));
  at("trouble-told").textContent = outbox.trouble && troubleWith(count);
  at("trouble").hidden = !outbox.trouble;
}

function troubleWith(count) {
  if (!count) return `${outbox.trouble} It is asked again by itself.`;
  const [answers, they] = count === 1 ? ["1 answer is", "it is"] : [`${count} answers are`, "they are"];
  return `${outbox.trouble} ${answers} not saved yet; ${they} kept here, and sent again.`;
}

function complain(text) {
  at("complaint").textContent = text;
  at("complaint").hidden = !text;
}

function isSame(one, other) {
  return one?.id === other?.id;
}

// How a person does it

function onKey(event) {
  if (!at("keys").checked && event.target.id !== "typed") return;
  const field = event.target.closest?.("input, select, textarea");
  if (field && field.id !== "typed" && field.type !== "checkbox") return;
  const isOnButton = Boolean(event.target.closest?.("button, a, summary, input[type=checkbox]"));
  const key = pressed(event);
  if (key === "Enter" && isOnButton) return; // it presses that button
  if (choices.keys === null && shown && onName(event, key)) return;
  const label = shown && choices.labelOf(key);
  if (label !== undefined && label !== null) say("label", label);
  else if (key === "Enter" && !at("accept").hidden) say("label", at("accept").value);
  else if (COMMANDS[key] && shown) say(COMMANDS[key]);
  else if (key === "U") takeBack();
  else if (event.target.id !== "typed" || key !== "Enter") return; // it means no class: no answer
  event.preventDefault();
}

/** Where names are typed, letters are letters; with Shift they are the keys that the page shows. */
function onName(event, key) {
  const isCommand = event.shiftKey && /^[XSU]$/.test(key);
  return key !== "Enter" && key !== "?" && !isCommand && choices.type(event);
}

function onSubmit(event) {
  event.preventDefault();
  const { name, value } = event.submitter ?? {};
  if (event.target.id === "undo") takeBack();
  else if (name === "label" && value) say("label", value);
  else if (name === "verdict") say(value);
  // Who answers by mouse may go on by key: Enter is not to press the same button again.
  if (event.submitter && lastPointer) event.submitter.blur();
}

let lastPointer = false;
addEventListener("pointerdown", () => (lastPointer = true));
addEventListener("keydown", () => (lastPointer = false), { capture: true });
addEventListener("keydown", onKey);
at("answer").addEventListener("submit", onSubmit);
at("undo").addEventListener("submit", onSubmit);
at("retry").addEventListener("click", () => outbox.retry());

function ask() {
  outbox.add({ kind: "more", path: more });
}

document.addEventListener("visibilitychange", () => {
  since = null; // who looked elsewhere was not thinking about it
  if (!document.hidden) ask();
});
addEventListener("pageshow", ({ persisted }) => persisted && ask());
addEventListener("pagehide", () => {
  const body = new Blob([JSON.stringify({ visit })], { type: "application/json" });
  navigator.sendBeacon(leave, body);
});
addEventListener("beforeunload", (event) => outbox.trouble && outbox.unsaved.length && event.preventDefault());
setInterval(() => document.hidden || ask(), 1000 * renew);

at("keys").closest("label").hidden = false;
// What the page came with may be among what is not saved yet.
if (outbox.unsaved.length) show();
outbox.addFirst({ kind: "more", path: more });
