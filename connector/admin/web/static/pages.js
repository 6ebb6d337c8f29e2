"use strict";
// Everything works without this file: it only saves a round trip, and the server checks all of it again.

// Next and Save of the values dialog can be used once every value of the step is filled in.
for (const form of document.querySelectorAll("form[data-needs-all]")) {
  const needed = [...form.querySelectorAll("[data-needed]")];
  const next = form.querySelector("[data-next]");
  const told = form.querySelector("[data-blank-count]");
  const judge = () => {
    const blank = needed.filter((one) => !one.value).length;
    next.disabled = blank > 0;
    told.textContent = `${blank} of ${needed.length} are blank.`;
  };
  form.addEventListener("input", judge);
  form.addEventListener("change", judge);
  judge();
}

// A sent form says so, and is not sent twice.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    if (event.submitter) event.submitter.setAttribute("aria-busy", "true");
  });
}
// A page that the browser's Back brings out of its memory can be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const busy of document.querySelectorAll("[aria-busy=true]")) busy.removeAttribute("aria-busy");
});
