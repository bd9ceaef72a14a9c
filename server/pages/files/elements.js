// Makes elements. Texts go in as texts, so that nothing from a file name or an answer is markup.

/** Return a new element with these properties and children, texts or elements. */
export function make(tag, properties = {}, ...children) {
  const { attributes = {}, ...others } = properties;
  const element = Object.assign(document.createElement(tag), others);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Return a labelled field: the label, the control that it belongs to, and what is said of it. */
export function labelled(text, control, hint = "") {
  const label = make("label", { htmlFor: control.id }, text);
  const field = make("div", { className: "field" }, label, control);
  if (hint) {
    field.append(make("p", { className: "hint", id: `${control.id}-hint` }, hint));
    control.setAttribute("aria-describedby", `${control.id}-hint`);
  }
  return field;
}

/** Return a choice among values. */
export function choice(id, values) {
  const options = values.map((value) => make("option", { value }, value || "–"));
  return make("select", { id }, ...options);
}

/** Return a text that keeps its lines and scrolls by the keyboard, too. */
export function block(text, label) {
  const attributes = { "aria-label": label, role: "group" };
  return make("pre", { tabIndex: 0, attributes }, text);
}
