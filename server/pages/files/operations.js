// Lists every request that /openapi.json describes, each with a form that sends it.

import { block, choice, labelled, make } from "./elements.js";
import { pretty } from "./pictures.js";
import { addressOf, asCurl, send } from "./sending.js";

const SHOWN_LETTERS = 100_000;
const FORM = "multipart/form-data";
const TEXTS = /json|text|xml/;

/** Return the headings with their operations. */
export function listOperations(description) {
  const all = Object.entries(description.paths).flatMap(([path, item]) =>
    ["get", "post"].filter((method) => item[method]).map((method) => ({
      path,
      method: method.toUpperCase(),
      ...item[method],
      parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])],
    })),
  );
  return description.tags.flatMap(({ name }) => [
    make("h3", {}, name),
    ...all.filter(({ tags }) => tags.includes(name)).map((one) => listed(one, description)),
  ]);
}

function listed(operation, description) {
  const { method, path, summary, operationId } = operation;
  const badge = make("span", { className: `method ${method.toLowerCase()}` }, method);
  const what = make("span", { className: "what" }, summary);
  const head = make("summary", {}, badge, make("code", {}, path), what);
  const details = make("details", { className: "operation", id: operationId }, head);
  // Made when it is opened first: there are many, and few are.
  const open = () => details.append(formOf(operation, description));
  details.addEventListener("toggle", open, { once: true });
  return details;
}

function formOf(operation, description) {
  const parameters = operation.parameters.map((one) => parameterOf(one, operation));
  const body = operation.requestBody ? bodyOf(operation, description) : null;
  const outcome = make("div", { className: "outcome" });
  const status = make("p", { className: "told", attributes: { role: "status" } });
  const form = make(
    "form",
    {},
    operation.description ? make("p", {}, operation.description) : null,
    ...parameters.filter(({ parameter }) => parameter.required).map(({ field }) => field),
    body?.field ?? null,
    ...parameters.filter(({ parameter }) => !parameter.required).map(({ field }) => field),
    make("button", {}, "Send"),
    status,
    outcome,
    answersOf(operation, description),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    status.textContent = "Sending …";
    const request = requestOf(operation, parameters, body?.read() ?? {});
    show(await send(request), request, status, outcome);
  });
  return form;
}

function answersOf({ responses }, { components }) {
  const rows = Object.entries(responses).flatMap(([status, { $ref, description }]) => [
    make("dt", {}, status),
    make("dd", {}, description ?? components.responses[$ref.split("/").pop()].description),
  ]);
  return make("details", {}, make("summary", {}, "Answers there are"), make("dl", {}, ...rows));
}

function parameterOf(parameter, operation) {
  const id = `${operation.operationId}-${parameter.name}`;
  const { enum: values } = parameter.schema;
  const control = values
    ? choice(id, parameter.required ? values : ["", ...values])
    : make("input", { id, autocomplete: "off" });
  control.required = Boolean(parameter.required);
  if (parameter.required) control.value = parameter.example ?? "";
  else if (!values) control.placeholder = parameter.example ?? "";
  const text = `${parameter.name} (${parameter.in}${parameter.required ? "" : ", optional"})`;
  const field = labelled(text, control, parameter.description);
  return { parameter, field, read: () => control.value };
}

function bodyOf(operation, description) {
  const { content } = operation.requestBody;
  const types = choice(`${operation.operationId}-type`, Object.keys(content));
  const place = make("div");
  let part = null;
  const renew = () => {
    part = partOf(operation, types.value, content[types.value], description);
    place.replaceChildren(part.field);
  };
  types.addEventListener("change", renew);
  renew();
  return { field: make("div", {}, labelled("Body", types), place), read: () => part.read() };
}

function partOf(operation, type, content, description) {
  return TEXTS.test(type)
    ? textPart(operation, type, content.examples ?? {}, description)
    : filePart(operation, type, content);
}

function textPart(operation, type, examples, description) {
  const names = Object.keys(examples);
  const id = `${operation.operationId}-text`;
  const text = make("textarea", { id, rows: 8, spellcheck: false });
  const example = choice(`${operation.operationId}-example`, names);
  const fill = () => {
    const value = description.components.examples[example.value]?.value ?? "";
    text.value = typeof value === "string" ? value : JSON.stringify(value);
  };
  example.addEventListener("change", fill);
  fill();
  const field = make(
    "div",
    {},
    names.length > 1 ? labelled("Example", example) : null,
    labelled("Text", text),
  );
  return { field, read: () => ({ headers: { "Content-Type": type }, body: text.value }) };
}

function filePart(operation, type, content) {
  const id = `${operation.operationId}-file`;
  const file = make("input", { id, type: "file", required: true, multiple: type === FORM });
  return { field: labelled("File", file), read: () => readFiles([...file.files], type, content) };
}

function readFiles(files, type, content) {
  if (type !== FORM) {
    const kind = type.includes("*") ? files[0].type || "image/*" : type;
    return { headers: { "Content-Type": kind }, body: files[0], files: [files[0].name] };
  }
  const [field] = Object.keys(content.schema.properties);
  const body = new FormData();
  for (const file of files) body.append(field, file);
  return { body, field, files: files.map(({ name }) => name) };
}

function requestOf(operation, parameters, sent) {
  const query = {};
  const headers = { ...sent.headers };
  let { path } = operation;
  for (const { parameter, read } of parameters) {
    const value = read();
    const place = `{${parameter.name}}`;
    if (parameter.in === "path") path = path.replace(place, () => encodeURIComponent(value));
    else if (value && parameter.in === "query") query[parameter.name] = value;
    else if (value) headers[parameter.name] = value;
  }
  return { ...sent, method: operation.method, address: addressOf(path, query), headers };
}

function show(answer, request, status, outcome) {
  const size = new TextEncoder().encode(answer.text).length;
  const took = Math.round(answer.milliseconds);
  const measured = answer.status ? ` · ${took} ms · ${size} bytes` : "";
  status.textContent = `${answer.status || ""} ${answer.statusText}${measured}`;
  status.className = answer.status === 200 ? "told good" : "told bad";
  outcome.replaceChildren(
    make("h4", {}, "Answer"),
    block(shown(answer), "Answer"),
    make("h4", {}, "The same by curl"),
    block(asCurl(request), "The same by curl"),
  );
}

function shown({ status, type, text }) {
  if (status && !TEXTS.test(type)) return `(no text, but ${type})`;
  const lines = pretty(text);
  const left = lines.length - SHOWN_LETTERS;
  return left > 0 ? `${lines.slice(0, SHOWN_LETTERS)}\n… and ${left} letters more` : lines;
}
