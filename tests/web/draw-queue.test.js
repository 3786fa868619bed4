import assert from "node:assert/strict";
import { test } from "node:test";

import { DrawQueue } from "../../web/hessianfree_web/static/lib/draw-queue.js";

/** A clock that stands still but for what drawing takes; frames come when `tick` is called. */
function clock() {
  const frames = [];
  const times = { now: 0, pauses: [] };
  return {
    times,
    now: () => times.now,
    frame: () => new Promise((done) => frames.push(done)),
    pause: async (milliseconds) => times.pauses.push(milliseconds),
    tick: async () => {
      frames.splice(0).forEach((done) => done());
      await new Promise(setImmediate);
    },
  };
}

test("figures draw one a frame, and then rest for as long as it took", async () => {
  const time = clock();
  const queue = new DrawQueue(time);
  const drawn = [];
  const draw = (name) => async () => {
    drawn.push(name);
    time.times.now += 30;
  };
  for (const name of "abc") queue.add(draw(name));
  assert.deepEqual(drawn, []); // no frame, no drawing: the page may be hidden
  await time.tick();
  assert.deepEqual(drawn, ["a"]);
  await time.tick();
  await time.tick();
  assert.deepEqual([drawn, time.times.pauses], [["a", "b", "c"], [30, 60]]);
});

test("whoever asks twice before its turn is drawn once, and both hear of it", async () => {
  const time = clock();
  const queue = new DrawQueue(time);
  let count = 0;
  const draw = async () => (count += 1);
  const heard = Promise.all([queue.add(draw), queue.add(draw)]);
  await time.tick();
  await heard;
  assert.equal(count, 1);
  queue.add(draw);
  await time.tick();
  assert.equal(count, 2);
});

test("what is dropped is not drawn, and nobody waits for it for ever", async () => {
  const time = clock();
  const queue = new DrawQueue(time);
  const heard = queue.add(assert.fail);
  queue.drop(assert.fail);
  await heard;
  await time.tick();
  let drawn = false;
  queue.add(() => (drawn = true));
  await time.tick();
  assert.equal(drawn, true);
});

test("one figure's trouble is not the others'", async (context) => {
  const reported = [];
  globalThis.reportError = (error) => reported.push(error.message);
  context.after(() => delete globalThis.reportError);
  const time = clock();
  const queue = new DrawQueue(time);
  let drawn = false;
  const heard = queue.add(() => Promise.reject(new Error("no room")));
  queue.add(() => (drawn = true));
  await time.tick();
  await heard;
  await time.tick();
  assert.deepEqual([reported, drawn], [["no room"], true]);
});
