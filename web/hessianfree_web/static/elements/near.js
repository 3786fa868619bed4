// What is far down a page need not be there before its reader is near.

/** Call `act` once, as soon as `element` is in the window or near it. */
export function whenNear(element, act, signal) {
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      observer.disconnect();
      act();
    },
    { rootMargin: "300px" },
  );
  observer.observe(element);
  signal.addEventListener("abort", () => observer.disconnect());
}
