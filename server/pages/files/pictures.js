// Scores pictures that are chosen, dropped or pasted: one request each, so that one is told as
// soon as it is seen, and many are never too large together.

import { block, make } from "./elements.js";
import { addressOf, asCurl, messageOf, send } from "./sending.js";

const LIKELIEST = 3;
const EXAMPLE = "example.jpg";
const at = (id) => document.getElementById(id);
let latest = 0;

/** Bring this part of the page to life; models are those that the server names. */
export function startPictures(models) {
  startChoice(models);
  at("files").addEventListener("change", () => {
    scoreAll([...at("files").files]);
    at("files").value = ""; // so that the same file may be chosen again
  });
  at("example").addEventListener("click", async () => {
    const picture = await fetch(addressOf(`/docs/${EXAMPLE}`));
    scoreAll([new File([await picture.blob()], EXAMPLE, { type: "image/jpeg" })]);
  });
  document.addEventListener("paste", (event) => scoreAll([...(event.clipboardData?.files ?? [])]));
  takeDrops();
}

function startChoice(models) {
  at("model").append(...models.map(({ name }) => make("option", { value: name }, name)));
  const tell = () => {
    const { version, purpose } = models.find(({ name }) => name === at("model").value);
    at("model-told").textContent = `${purpose} (version ${version.slice(0, 8)})`;
  };
  at("model").addEventListener("change", tell);
  tell();
}

function takeDrops() {
  const drop = at("drop");
  for (const [kind, isOver] of [["dragenter", true], ["dragover", true], ["dragleave", false]]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", isOver);
    });
  }
  // A file that is dropped beside it must not replace the page; a field for files takes its own.
  const isField = ({ target }) => target instanceof HTMLInputElement;
  addEventListener("dragover", (event) => isField(event) || event.preventDefault());
  addEventListener("drop", (event) => {
    drop.classList.remove("over");
    if (isField(event)) return;
    event.preventDefault();
    scoreAll([...event.dataTransfer.files]);
  });
}

async function scoreAll(files) {
  if (!files.length) return;
  const mine = (latest += 1);
  const rows = files.map(rowOf);
  at("results").replaceChildren(...rows.map(({ row }) => row));
  let failed = 0;
  for (const [number, { file, told }] of rows.entries()) {
    at("told").textContent = `Picture ${number + 1} of ${files.length} …`;
    failed += (await score(file, told)) ? 0 : 1;
    if (mine !== latest) return; // others were chosen meanwhile
  }
  const bad = failed ? `, ${failed} not scored` : "";
  at("told").textContent = `${counted(files.length)}${bad}.`;
}

function rowOf(file) {
  const image = make("img", { alt: "", src: URL.createObjectURL(file) });
  image.addEventListener("load", () => URL.revokeObjectURL(image.src));
  image.addEventListener("error", () => image.classList.add("unknown")); // HEIC, say
  const told = make("div", { className: "seen" }, make("p", { className: "name" }, file.name));
  return { file, told, row: make("li", {}, image, told) };
}

async function score(file, told) {
  const form = new FormData();
  form.append("file", file);
  const path = `/models/${encodeURIComponent(at("model").value)}/predict`;
  const request = { method: "POST", address: addressOf(path, { top: LIKELIEST }), body: form };
  const answer = await send(request);
  if (answer.status === 200) told.append(...seen(JSON.parse(answer.text).predictions[0]));
  else told.append(make("p", { className: "bad" }, messageOf(answer)));
  const command = asCurl({ ...request, field: "file", files: [file.name] });
  told.append(
    make(
      "details",
      {},
      make("summary", {}, "Request and answer"),
      block(command, `Request for ${file.name}`),
      block(pretty(answer.text), `Answer for ${file.name}`),
    ),
  );
  return answer.status === 200;
}

function seen(prediction) {
  const parts = [make("p", { className: "label" }, prediction.label)];
  if (prediction.review) {
    parts.push(make("p", { className: "review" }, `Review: ${prediction.review}`));
  }
  return [...parts, make("ul", { className: "likeliest" }, ...prediction.top.map(likely))];
}

function likely({ label, confidence }) {
  const share = `${inPercent(confidence)} %`;
  const bar = make("meter", { max: 1, value: confidence, attributes: { "aria-hidden": "true" } });
  return make("li", {}, make("span", {}, label), bar, make("span", { className: "share" }, share));
}

/** Return a share of 1 with two decimals: only all is 100, only nothing is 0. */
function inPercent(share) {
  const bounded = 0 < share && share < 1 ? Math.min(Math.max(100 * share, .01), 99.99) : 100 * share;
  return bounded.toFixed(2);
}

/** Return JSON with line breaks; any other text as it is. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    return text;
  }
}

function counted(count) {
  return count === 1 ? "1 picture" : `${count} pictures`;
}
