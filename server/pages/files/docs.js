// Asks the server what it is, with the key where it wants one, and brings the page to life.

import { listOperations } from "./operations.js";
import { startPictures } from "./pictures.js";
import { addressOf, messageOf, send, useKey } from "./sending.js";

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

function askForKey() {
  at("access").hidden = false;
  at("access").addEventListener("submit", async (event) => {
    event.preventDefault();
    useKey(at("key").value);
    // Once the page is there, another key is for what is sent from now on.
    const refused = at("pictures").hidden ? await open() : null;
    const told = "The key is used, and forgotten when this page is closed.";
    const wrong = refused?.status === 401 ? "That is not the key." : refused && messageOf(refused);
    at("access-told").textContent = wrong ?? told;
    at("access-told").className = refused ? "told bad" : "told good";
  });
}

const refused = await open();
if (refused?.status === 401) {
  askForKey();
} else if (refused) {
  at("trouble").textContent = messageOf(refused);
  at("trouble").hidden = false;
}
