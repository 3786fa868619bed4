import assert from "node:assert/strict";
import { test } from "node:test";

import { foundOffers, orderedOffers } from "../../web/hessianfree_web/static/lib/offers.js";

const offers = [
  { name: "allcnnc", title: "All-CNN-C", description: "Convolutions on images of MNIST." },
  { name: "digits", title: "Digits autoencoder", description: "Badly scaled." },
  { name: "mnist", title: "MNIST autoencoder", description: "Deep." },
];
const names = (infos) => infos.map(({ name }) => name).join(" ");

test("those named first stand before the others, in their own order, and nobody else does", () => {
  const { leading, others } = orderedOffers(offers, ["mnist", "unknown", "allcnnc"]);
  assert.deepEqual([names(leading), names(others)], ["mnist allcnnc", "digits"]);
});

test("every word is found in name, title and description; what is called so stands before what speaks of it", () => {
  assert.equal(names(foundOffers(offers, " mNist ")), "mnist allcnnc");
  assert.equal(names(foundOffers(offers, "autoencoder digits")), "digits");
  assert.equal(names(foundOffers(offers, "scaled auto")), "digits");
  assert.equal(names(foundOffers(offers, "scaled images")), "");
  assert.equal(names(foundOffers(offers, " ")), names(offers));
});
