// The page's one queue of what is to be drawn.

import { DrawQueue } from "../lib/draw-queue.js";

export const drawQueue = new DrawQueue({
  now: () => performance.now(),
  frame: () => new Promise(requestAnimationFrame),
  pause: (milliseconds) => new Promise((done) => setTimeout(done, milliseconds)),
});
