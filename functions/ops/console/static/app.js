// Keeps what is on the page up to date: fetches the same address again, and carries over only what has changed in the
// regions marked data-live. Nodes stay where they are, so that focus, selection, scrolling and open details do too.
// Without this file everything works; a reload shows what is new.
"use strict";

(() => {
  const EVERY = 5000;
  const AT_MOST = 60000;
  const PATIENCE = 15000;
  const live = () => document.querySelectorAll("[data-live], #live-time");
  const root = document.documentElement;
  const status = document.querySelector("[data-live-status]");
  let pause = EVERY;
  let timer = 0;
  let isLost = false;

  forgetNotice();
  guardForms();
  if (!document.querySelector("[data-live]")) return;
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : later(0)));
  later(EVERY);

  function later(delay) {
    clearTimeout(timer);
    timer = setTimeout(look, delay);
  }

  async function look() {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
      if (answer.redirected) return end(answer.url);
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      carryOver(page);
      recover();
      delete root.dataset.old;
      pause = EVERY;
    } catch {
      if (!isLost) say("Connection lost: what is shown may be old. Trying again…");
      isLost = true;
      growOld();
      pause = Math.min(pause * 2, AT_MOST);
    }
    later(pause);
  }

  function carryOver(page) {
    for (const region of live()) {
      const next = page.getElementById(region.id);
      if (next) morph(region, next);
    }
    document.title = page.title;
  }

  // What nobody keeps up to date any more must not look as if it were.
  function growOld() {
    root.dataset.old = "";
    if (!document.title.startsWith("Old: ")) document.title = `Old: ${document.title}`;
  }

  // Whatever was said of what kept the page from being up to date has passed.
  function recover() {
    if (status.textContent) say(isLost ? "The connection is back." : "");
    isLost = false;
  }

  function end(address) {
    isLost = false;
    growOld();
    say("Your session has ended. ");
    const link = document.createElement("a");
    link.href = address;
    link.textContent = "Sign in again";
    status.append(link);
  }

  function say(text) {
    status.textContent = text;
    if (text.endsWith("back.")) setTimeout(() => status.textContent === text && (status.textContent = ""), 4000);
  }

  // Makes `old` read as `next`, with as few changes as there are.
  function morph(old, next) {
    if (old.isEqualNode(next)) return;
    attributes(old, next);
    const kept = new Set([...next.children].map((each) => each.id).filter(Boolean));
    for (const each of [...old.children]) if (each.id && !kept.has(each.id)) each.remove();
    let place = old.firstChild;
    for (const wanted of [...next.childNodes]) {
      const found = match(old, place, wanted);
      if (!found) {
        old.insertBefore(wanted, place);
        continue;
      }
      if (found !== place) old.insertBefore(found, place);
      else place = place.nextSibling;
      if (found.nodeType === Node.ELEMENT_NODE) morph(found, wanted);
      else if (found.data !== wanted.data) found.data = wanted.data;
    }
    while (place) {
      const following = place.nextSibling;
      place.remove();
      place = following;
    }
  }

  // The node that is to become `wanted`: that of the same id, or the one at the same place if neither has an id.
  function match(parent, place, wanted) {
    if (wanted.id) return [...parent.children].find((each) => each.id === wanted.id && each.nodeName === wanted.nodeName);
    return place && place.nodeName === wanted.nodeName && !place.id ? place : null;
  }

  // What a person has done to a node is left alone: details that were opened, and fields that were filled in.
  function attributes(old, next) {
    for (const { name, value } of next.attributes) {
      if (name === "open" || (name === "value" && old.matches("input"))) continue;
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      if (name !== "open" && !next.hasAttribute(name)) old.removeAttribute(name);
    }
  }

  // A notice is said once: a reload, or the address when it is passed on, does not say it again.
  function forgetNotice() {
    const address = new URL(location.href);
    if (!address.searchParams.has("seal")) return;
    address.searchParams.delete("notice");
    address.searchParams.delete("seal");
    history.replaceState(null, "", address);
  }

  // A second click on a button that has been pressed sends nothing.
  function guardForms() {
    for (const form of document.querySelectorAll("form[method=post]")) {
      form.addEventListener("submit", (event) => {
        if (form.dataset.sent) event.preventDefault();
        form.dataset.sent = "yes";
      });
    }
    addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((each) => delete each.dataset.sent));
  }
})();
