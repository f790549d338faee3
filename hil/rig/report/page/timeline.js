// Filters of the timeline. Every row is in the page already; here they are shown and hidden.

{
  const section = document.getElementById("timeline");
  const list = section.querySelector("ol");
  const boxes = [...section.querySelectorAll("input[type=checkbox]")];
  const search = section.querySelector("input[type=search]");
  const output = section.querySelector("output");
  const rows = [...list.children].map(row => ({
    row,
    source: row.dataset.source,
    text: undefined, // read when something is looked for: ten thousand texts take a while
  }));
  const moments = rows.filter(({ source }) => source !== undefined).length;

  /** A scenario's beginning stays where something of it is shown, or where nothing is filtered. */
  function filter() {
    const sources = new Set(boxes.filter(box => box.checked).map(box => box.value));
    const wanted = search.value.trim().toLowerCase();
    let beginning;
    let shown = 0;
    for (const one of rows) {
      const { row, source } = one;
      if (wanted !== "") one.text ??= row.textContent.toLowerCase();
      const found = wanted === "" || one.text.includes(wanted);
      if (source === undefined) {
        row.hidden = wanted !== "" && !found;
        if (row.classList.contains("begin")) beginning = row;
        continue;
      }
      row.hidden = !(found && sources.has(source));
      if (row.hidden) continue;
      shown++;
      if (beginning !== undefined) beginning.hidden = false;
    }
    const of = shown === moments ? "" : ` of ${moments.toLocaleString("en")}`;
    output.textContent = `${shown.toLocaleString("en")}${of} moments`;
  }

  for (const box of boxes) box.addEventListener("change", filter);
  search.addEventListener("input", filter);
  section.querySelector("form").addEventListener("submit", event => event.preventDefault());

  // Whoever asks for a scenario wants to see all of it.
  document.addEventListener("click", event => {
    const link = event.target.closest?.('a[href^="#"]');
    if (!link) return;
    for (const box of boxes) box.checked = true;
    search.value = "";
    filter();
  });

  filter();
}
