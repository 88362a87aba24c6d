// Elements of the page. Whatever a request, a model or a user says becomes a text node, never HTML.

export const $ = (id) => document.getElementById(id);

/** Make an element: properties by name (`class`, `data-*` and `aria-*` as attributes), texts and elements as children. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.includes("-") || name === "class" || name === "for" || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Set the text of an element if it is another one, so that nothing is drawn or announced again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Return JSON with indents; text that is none stays as it is. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

export function copyButton(text, label) {
  const button = el("button", { type: "button", class: "quiet copy", "aria-label": `Copy: ${label}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
}

/** Make a titled block of code that can be scrolled with the keyboard and copied. */
export function codeBlock(title, text) {
  const code = el("pre", { class: "code", tabIndex: 0, role: "region", "aria-label": title }, text);
  return el("div", { class: "block" }, el("div", { class: "row head" }, el("h4", {}, title), copyButton(text, title)), code);
}
