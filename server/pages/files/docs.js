// Asks the server what it is, with the key where it wants one, and brings the page to life.

import { listOperations } from "./operations.js";
import { startPictures } from "./pictures.js";
import { KEY_WANTED, UNAUTHORIZED, addressOf, messageOf, send, useKey } from "./sending.js";

const at = (id) => document.getElementById(id);

async function open() {
  const addresses = ["/", "/openapi.json"].map((path) => addressOf(path));
  const answers = await Promise.all(addresses.map((address) => send({ method: "GET", address })));
  const refused = answers.find(({ status }) => status !== 200);
  if (refused) return refused;
  const [about, description] = answers.map(({ text }) => JSON.parse(text));
  startPictures(about.models);
  // A link would be followed without the key.
  at("description").href = URL.createObjectURL(new Blob([answers[1].text]));
  at("operations").append(...listOperations(description));
  at("pictures").hidden = at("requests").hidden = false;
  return null;
}

async function useTyped(event) {
  event.preventDefault();
  useKey(at("key").value);
  // Once the page is there, another key is for what is sent from now on.
  const refused = at("pictures").hidden ? await open() : null;
  const wrong = refused ? wordsFor(refused) : "";
  const told = "It is used now, and forgotten when this page is closed.";
  at("access-told").textContent = wrong || told;
  at("access-told").className = wrong ? "told bad" : "told good";
}

function wordsFor(refused) {
  return refused.status === UNAUTHORIZED ? "That is not the key." : messageOf(refused);
}

document.addEventListener(KEY_WANTED, () => {
  at("access").hidden = false;
});
at("access").addEventListener("submit", useTyped);
const refused = await open();
if (refused?.status === UNAUTHORIZED) {
  at("key").focus();
} else if (refused) {
  at("trouble").textContent = messageOf(refused);
  at("trouble").hidden = false;
}
