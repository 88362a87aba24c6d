// A search above each long table: rows that do not hold all words are hidden.
// A cell that says "yes" counts as the name of its column: "tools images" finds the models that can do both.
document.querySelectorAll("article table").forEach((table) => {
  const rows = [...table.querySelectorAll("tbody tr")];
  if (rows.length < 20) return;
  const heads = [...table.querySelectorAll("thead th")].map((cell) => cell.textContent);
  const textOf = (cell, column) => (/^yes/.test(cell.textContent) ? `${heads[column]} ` : "") + cell.textContent;
  const texts = rows.map((row) => [...row.cells].map(textOf).join(" ").toLowerCase());
  const input = document.createElement("input");
  input.type = "search";
  input.className = "table-search";
  input.placeholder = `Search ${rows.length} rows`;
  input.setAttribute("aria-label", "Search this table");
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach((row, place) => {
      row.hidden = !words.every((word) => texts[place].includes(word));
    });
  });
  const frame = table.closest(".table-wrapper") || table;
  frame.classList.add("long-table");
  frame.before(input);
});
