// Filters of the timeline: all rows are in the page and are shown or hidden here.

{
  const section = document.getElementById("timeline");
  const list = section.querySelector("ol");
  const boxes = [...section.querySelectorAll("input[type=checkbox]")];
  const search = section.querySelector("input[type=search]");
  const output = section.querySelector("output");
  const rows = [...list.children].map(row => ({
    row,
    source: row.dataset.source,
    text: undefined, // read at the first search: ten thousand texts take a while
  }));
  const moments = rows.filter(({ source }) => source !== undefined).length;

  /** The first row of a scenario is shown if one of its rows is, or if there is no filter. */
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

  // A link to a scenario shows all of it.
  document.addEventListener("click", event => {
    const link = event.target.closest?.('a[href^="#"]');
    if (!link) return;
    for (const box of boxes) box.checked = true;
    search.value = "";
    filter();
  });

  filter();
}
