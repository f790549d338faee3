// Elements and wishes. Data becomes text and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element; `set` holds properties, and listeners as `onclick`. */
export function element(tag, set = {}, ...children) {
  const made = Object.assign(document.createElement(tag), set);
  made.append(...children);
  return made;
}

/** An SVG element with attributes. */
export function shape(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  change(made, attributes);
  made.append(...children);
  return made;
}

export function change(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

/** Puts a value into a control, unless it has the focus. */
export function show(control, value) {
  if (document.activeElement !== control) control.value = value;
}

export function options(words, label = word => word) {
  return words.map(word => element("option", { value: word, textContent: label(word) }));
}

/** Colour of the n-th backend; it is the same all over the page. */
export function colour(index) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--backend-${index % 8}`);
}

let clearing;

/** Sends a request to the workbench, and shows why when it is refused. */
export async function wish(action, what) {
  let complaints = [];
  try {
    const response = await fetch(`/do/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Workbench": "page" },
      body: JSON.stringify(what),
    });
    ({ complaints = [] } = await response.json());
  } catch {
    complaints = ["the workbench does not answer"];
  }
  const message = document.getElementById("message");
  message.textContent = complaints.join("; ");
  message.hidden = complaints.length === 0;
  clearTimeout(clearing);
  clearing = setTimeout(() => {
    message.hidden = true;
  }, 8_000);
}
