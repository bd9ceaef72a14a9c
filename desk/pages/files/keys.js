// Which key gives which class, and which classes a few letters mean.

const DIGITS = "1234567890";

/** Return the keys of labels, in their order; null where there are more than keys. */
export function keysOf(labels) {
  if (labels.every((label) => /^[0-9]$/.test(label))) return [...labels]; // a digit is its own key
  return labels.length <= DIGITS.length ? [...DIGITS.slice(0, labels.length)] : null;
}

/** Return which key was pressed, as it stands on the page; "" for one that means nothing here. */
export function pressed(event) {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return "";
  if (/^[0-9?]$/.test(event.key) || event.key === "Enter") return event.key;
  // Where digits want Shift (French keyboards), the key itself counts.
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code);
  if (digit && !/^[a-z]$/i.test(event.key)) return digit[1];
  return /^[xsu]$/i.test(event.key) ? event.key.toUpperCase() : "";
}

/** Return the labels that a few letters mean, the likeliest first; all for none. */
export function matching(labels, typed) {
  const wanted = plain(typed);
  const ranked = labels.map((label) => [rank(plain(label), wanted), label]);
  return ranked
    .filter(([place]) => place < 3)
    .sort(([one], [other]) => one - other)
    .map(([, label]) => label);
}

function rank(label, wanted) {
  if (label.startsWith(wanted)) return 0;
  if (label.split(/[^\p{L}\p{N}]+/u).some((word) => word.startsWith(wanted))) return 1;
  return label.includes(wanted) ? 2 : 3;
}

function plain(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
}
