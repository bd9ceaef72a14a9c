// The picture in front, and those after it: fetched ahead, so that the next one is there at once.

const COARSE = 64; // a picture of so few pixels is shown no larger than it bears

const images = new Map(); // by address

/** Fetch what is shown next; forget what is shown no more. */
export function fetchAhead(items) {
  const wanted = items.flatMap(({ picture, seen }) => [picture, seen]).filter(Boolean);
  for (const address of images.keys()) if (!wanted.includes(address)) images.delete(address);
  wanted.forEach(imageOf);
}

/** Show a picture in its place, and what the model saw of it; return a promise of its being there. */
export async function showPicture({ picture, seen }, { place, small, none }) {
  none.hidden = Boolean(picture);
  place.replaceChildren();
  small.hidden = !seen;
  if (seen) small.querySelector("img").replaceWith(imageOf(seen));
  if (!picture) return;
  const image = imageOf(picture);
  image.alt = "The picture to be named";
  place.replaceChildren(image);
  try {
    await image.decode();
    image.classList.toggle("coarse", Math.max(image.naturalWidth, image.naturalHeight) <= COARSE);
  } catch {
    images.delete(picture); // removed meanwhile, or the desk is away
    none.hidden = false;
  }
}

function imageOf(address) {
  if (!images.has(address)) {
    const image = new Image();
    image.alt = "";
    image.src = address;
    images.set(address, image);
  }
  return images.get(address);
}
