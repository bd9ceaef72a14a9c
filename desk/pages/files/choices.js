// The classes of the picture in front, each with its key; of more than ten, by their first letters.

import { keysOf, matching } from "./keys.js";

export class Choices {
  constructor({ classes, find, nothing, model, commands }) {
    Object.assign(this, { classes, find, nothing, model, commands });
    this.labels = null;
    this.keys = null;
    this.typed = find.querySelector("input");
    this.typed.addEventListener("input", () => this.#filter());
  }

  /** Offer the classes of a model; return whether they are other ones than before. */
  offer({ name, labels, nothing }) {
    if (this.labels === labels) return false;
    const isOther = this.labels !== null;
    this.labels = labels;
    this.keys = keysOf(labels);
    this.model.textContent = name;
    this.nothing.textContent = nothing;
    this.find.hidden = this.keys !== null;
    this.classes.classList.toggle("many", this.keys === null);
    this.#nameCommands();
    this.classes.replaceChildren(...labels.map((label, place) => button(label, this.keys?.[place])));
    return isOther;
  }

  /** Be ready for the next picture. */
  clear() {
    if (!this.typed.value) return;
    this.typed.value = "";
    this.#filter();
  }

  /** Return the label that a key means now; nothing for any other key. */
  labelOf(key) {
    if (this.keys) return this.labels[this.keys.indexOf(key)];
    return key === "Enter" && this.typed.value ? matching(this.labels, this.typed.value)[0] : undefined;
  }

  /** Take a key as a letter of a name, where names are typed; return whether it was one. */
  type(event) {
    if (this.keys || event.ctrlKey || event.altKey || event.metaKey) return false;
    if (event.key === "Escape") this.clear();
    else if (event.key.length === 1 && event.key !== "?") this.typed.focus(); // it takes the letter
    return event.key === "Escape" || document.activeElement === this.typed;
  }

  /** Where names are typed, the letters of commands want Shift. */
  #nameCommands() {
    for (const key of this.commands.querySelectorAll("kbd")) {
      const letter = key.textContent.at(-1);
      const isShifted = this.keys === null && letter !== "?";
      key.textContent = isShifted ? `⇧${letter}` : letter;
      key.parentElement.setAttribute("aria-keyshortcuts", isShifted ? `Shift+${letter}` : letter);
    }
  }

  #filter() {
    const found = matching(this.labels, this.typed.value);
    const buttons = found.map((label, place) =>
      button(label, place === 0 && this.typed.value ? "Enter" : undefined),
    );
    this.classes.replaceChildren(...buttons);
  }
}

function button(label, key) {
  const made = document.createElement("button");
  Object.assign(made, { name: "label", value: label });
  if (key) {
    made.append(Object.assign(document.createElement("kbd"), { textContent: key }), " ");
    made.setAttribute("aria-keyshortcuts", key);
  }
  const name = document.createElement("bdi");
  name.textContent = label;
  made.append(name);
  return made;
}
