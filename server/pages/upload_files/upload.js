// Sends what is chosen, dropped or pasted as soon as it is, in parts, and shows each part's answer.
//
// The server makes the page of every answer; the pictures on it are taken over into this one. So
// what is seen without scripts and with them is the same.

const PART_PICTURES = 8;
// Of a part; the names of files and what stands between them take some of it.
const PART_SHARE = 0.25;
const FORM_BYTES = 4096;
const WAIT_SECONDS = 2;
const MOST_WAITS = 30;
const COMES_AGAIN = new Set([429, 502, 503, 504]);
const LITTER = /^(\..*|thumbs\.db|desktop\.ini)$/i;

const at = (id) => document.getElementById(id);
const form = at("form");
// What was chosen, in order; how many of them have been sent; which round of sending counts.
let chosen = [];
let sent = 0;
let round = 0;
let isSending = false;
// Ends the request that is on its way: on a slow line it would hold up those that count.
let underWay = new AbortController();
let unanswered = [];
// The lines of the table that is saved, and the one above them.
let table = [];
let head = "";

if (form) start();

function start() {
  document.documentElement.classList.add("scripted");
  const field = at("files");
  field.required = false;
  field.addEventListener("change", () => {
    add([...field.files]);
    field.value = ""; // so that the same file may be chosen again
  });
  form.addEventListener("change", ({ target }) => target.type === "checkbox" && beginAnew());
  form.addEventListener("submit", (event) => event.preventDefault());
  at("stop").addEventListener("click", stop);
  at("again").addEventListener("click", tryAgain);
  addEventListener("paste", ({ clipboardData }) => add([...(clipboardData?.files ?? [])]));
  takeDrops();
}

function takeDrops() {
  const drop = at("drop");
  // A file that is dropped beside the field must not replace the page.
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragenter" || kind === "dragover");
    });
  }
  addEventListener("drop", async ({ dataTransfer }) => {
    // The list is empty once this turn is over: entries are taken from it first.
    const entries = [...dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    const files = [...dataTransfer.files];
    if (!entries.some((entry) => entry?.isDirectory)) return add(files);
    add((await Promise.all(entries.filter(Boolean).map(filesOf))).flat());
  });
}

/** Return the files of a dropped file or folder; what cannot be read is told, and costs no other. */
async function filesOf(entry) {
  try {
    return LITTER.test(entry.name) ? [] : await filesWithin(entry);
  } catch {
    showUnanswered({ name: entry.name }, "this browser cannot read it", false);
    tell();
    return [];
  }
}

/** Return them with those of folders within it, in natural order. */
async function filesWithin(entry) {
  if (!entry.isDirectory) return [await new Promise((done, fail) => entry.file(done, fail))];
  const reader = entry.createReader();
  const entries = [];
  for (let more = [null]; more.length; entries.push(...more)) {
    more = await new Promise((done, fail) => reader.readEntries(done, fail)); // a hundred at most
  }
  entries.sort((one, other) => one.name.localeCompare(other.name, "en", { numeric: true }));
  return (await Promise.all(entries.map(filesOf))).flat();
}

function add(files) {
  chosen.push(...files);
  if (files.length) sendAll();
}

/** Forget the answers, and send all that was chosen to the models that are ticked now. */
function beginAnew() {
  endRound();
  sent = 0;
  unanswered = [];
  table = [];
  at("pictures").replaceChildren();
  if (chosen.length) sendAll();
}

function endRound() {
  round += 1;
  isSending = false;
  underWay.abort();
  underWay = new AbortController();
}

function stop() {
  endRound();
  chosen = chosen.slice(0, sent);
  tell();
}

function tryAgain() {
  for (const { row, line } of unanswered) {
    row.remove();
    table.splice(table.indexOf(line), 1);
  }
  const files = unanswered.map(({ file }) => file);
  unanswered = [];
  chosen = [...chosen.filter((file) => !files.includes(file)), ...files];
  sent = chosen.length - files.length;
  sendAll();
}

async function sendAll() {
  if (isSending) return;
  isSending = true;
  const mine = round;
  const isOver = () => mine !== round;
  at("trouble").hidden = true;
  while (sent < chosen.length) {
    tell();
    const part = nextPart();
    if (!(await sendPart(part, isOver))) return;
    sent += part.length;
  }
  isSending = false;
  tell();
}

function nextPart() {
  const most = form.dataset.mostBytes * PART_SHARE;
  const part = [];
  let bytes = 0;
  for (const file of chosen.slice(sent, sent + PART_PICTURES)) {
    bytes += file.size;
    if (part.length && bytes > most) break;
    part.push(file);
  }
  return part;
}

/** Send some pictures and show the answer; tell whether to go on with the next. */
async function sendPart(files, isOver) {
  if (files.length === 1 && files[0].size + FORM_BYTES > form.dataset.mostBytes) {
    const most = Number(form.dataset.mostBytes).toLocaleString("en");
    showUnanswered(files[0], `it has more than ${most} bytes`, false);
    return true;
  }
  const answer = await post(files, isOver);
  if (isOver()) return false;
  if (answer.status === 200) {
    show(answer.page, files);
    return true;
  }
  if (answer.status === 401) {
    at("trouble").replaceChildren(`${answer.words} `, make("a", { href: "./" }, "Open it anew"));
    at("trouble").hidden = false;
    stop();
    return false;
  }
  const isBusy = COMES_AGAIN.has(answer.status);
  if (files.length === 1 || isBusy) {
    for (const file of files) showUnanswered(file, answer.words, isBusy || !answer.status);
    return true;
  }
  // One of them may be what the server cannot take: each has its own chance.
  for (const file of files) if (!(await sendPart([file], isOver))) return false;
  return true;
}

/** Return {status, page, words}; status is 0 where no answer comes at all. */
async function post(files, isOver) {
  const body = new FormData(form);
  body.delete("file");
  for (const file of files) body.append("file", file, file.name);
  for (let tries = 0; ; tries += 1) {
    const answer = await posted(body);
    if (!COMES_AGAIN.has(answer.status) || tries === MOST_WAITS || isOver()) return answer;
    await new Promise((done) => setTimeout(done, 1000 * WAIT_SECONDS));
    if (isOver()) return answer;
  }
}

async function posted(body) {
  try {
    const { signal } = underWay;
    const answer = await fetch(form.action, { method: "POST", body, cache: "no-store", signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    // A proxy's page for signing in, a hotel's: it comes as if all were well.
    if (answer.ok && !page.getElementById("save")) {
      return { status: 0, page: null, words: "another page answered: open this one anew" };
    }
    const words = page.getElementById("trouble")?.textContent || `the server answered ${answer.status}`;
    return { status: answer.status, page, words };
  } catch {
    const words = "no answer: is the server still running, and the file still there?";
    return { status: 0, page: null, words };
  }
}

function show(page, files) {
  const rows = [...page.querySelectorAll("#pictures > li")].map((row) => document.adoptNode(row));
  rows.forEach((row, number) => addOwn(row, files[number]));
  at("pictures").append(...rows);
  const lines = textOf(page.getElementById("save").getAttribute("href")).split("\r\n");
  const [header, ...others] = lines.filter(Boolean);
  table.push(...others);
  head = header;
}

/** Show the picture itself beside its name, where the browser can. */
function addOwn(row, file) {
  const image = make("img", { alt: "", loading: "lazy", decoding: "async" });
  const done = () => URL.revokeObjectURL(image.src);
  image.addEventListener("load", done);
  image.addEventListener("error", () => { done(); image.remove(); }); // HEIC, say
  image.src = URL.createObjectURL(file);
  row.querySelector("h3").prepend(image);
}

function showUnanswered(file, words, mayHeal) {
  const name = make("h3", {}, file.name);
  const row = make("li", { className: "picture bad" }, name);
  row.append(make("p", { className: "error" }, `Not scored: ${words}`));
  at("pictures").append(row);
  const { separator } = form.dataset;
  const line = [cell(file.name), ...Array(6).fill(""), cell(words)].join(separator);
  table.push(line);
  if (mayHeal) unanswered.push({ file, row, line });
}

/** Return a text as a cell that no spreadsheet takes for a formula. */
function cell(text) {
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, " ");
  // Whatever begins with no letter may be one, or a date, or a number.
  const mark = /^\p{L}/u.test(line) ? "" : "'";
  return `"${mark}${line.replaceAll('"', '""')}"`;
}

function textOf(address) {
  const bytes = Uint8Array.from(atob(address.split(",")[1]), (letter) => letter.charCodeAt(0));
  return new TextDecoder().decode(bytes); // without the byte order mark
}

function tell() {
  const count = (selector) => at("pictures").querySelectorAll(selector).length;
  const all = count("li");
  const words = [isSending ? `${all} of ${chosen.length} pictures` : counted(all)];
  if (count(".look")) words.push(`${count(".look")} worth a look`);
  if (count(".bad")) words.push(`${count(".bad")} not read`);
  at("told").textContent = words.join(", ");
  at("results").hidden = false;
  at("progress").hidden = !isSending;
  at("bar").max = chosen.length;
  at("bar").value = sent;
  at("again").hidden = isSending || !unanswered.length;
  at("save").hidden = isSending || !table.length;
  if (!isSending) saveTable();
}

function saveTable() {
  URL.revokeObjectURL(at("save").href);
  const lines = [head, ...table].filter(Boolean).map((line) => `${line}\r\n`);
  const file = new Blob(["\ufeff", ...lines], { type: "text/csv;charset=utf-8" });
  at("save").href = URL.createObjectURL(file);
}

function counted(count) {
  return count === 1 ? "1 picture" : `${count} pictures`;
}

// Texts go in as texts, so that nothing from the name of a file is markup.
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
