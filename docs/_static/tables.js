// A search above each long table: rows that do not hold all words are hidden.
document.querySelectorAll("article table").forEach((table) => {
  const rows = [...table.querySelectorAll("tbody tr")];
  if (rows.length < 20) return;
  const input = document.createElement("input");
  input.type = "search";
  input.className = "table-search";
  input.placeholder = `Search ${rows.length} rows`;
  input.setAttribute("aria-label", "Search this table");
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach((row) => {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    });
  });
  (table.closest(".table-wrapper") || table).before(input);
});
