"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const memory = {
    get(key) { try { return localStorage.getItem(key); } catch { return null; } },
    set(key, value) { try { localStorage.setItem(key, value); } catch { /* a private window */ } },
  };

  const themes = ["auto", "light", "dark"];
  const theme = $("theme");
  const wear = (name) => {
    document.documentElement.dataset.theme = name;
    theme.textContent = `Theme: ${name}`;
  };
  theme.hidden = false;
  wear(themes.includes(memory.get("perflib-theme")) ? memory.get("perflib-theme") : "auto");
  theme.addEventListener("click", () => {
    const next = themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % 3];
    memory.set("perflib-theme", next);
    wear(next);
  });

  const code = $("code");
  const folds = [...document.querySelectorAll("details.code")];
  if (code && folds.length) {
    code.hidden = false;
    code.addEventListener("click", () => {
      const open = code.getAttribute("aria-pressed") !== "true";
      code.setAttribute("aria-pressed", String(open));
      code.textContent = open ? "Hide code" : "Show code";
      folds.forEach((fold) => { fold.open = open; });
    });
  }

  const factors = {
    ns: 1e-9, "µs": 1e-6, "μs": 1e-6, us: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600,
    kB: 1e3, MB: 1e6, GB: 1e9, KiB: 1024, MiB: 1048576, GiB: 1073741824, "%": 0.01,
  };
  const number = /^([+−–-]?)\s*(\d[\d\s\u2009\u202f]*\.?\d*(?:e[+-]?\d+)?)\s*([a-zµμ%×]*)(?:\/[a-z]+)?(?=$|[\s[(±])(?!\s*[-:/\d])/i;
  const valueOf = (cell) => {
    if (cell.dataset.sort !== undefined) return Number(cell.dataset.sort);
    const found = number.exec(cell.textContent.trim());
    if (!found) return null;
    const value = Number(found[2].replace(/[\s\u2009\u202f]/g, "")) * (factors[found[3]] ?? 1);
    return Number.isNaN(value) ? null : /[−–-]/.test(found[1]) ? -value : value;
  };
  const collator = new Intl.Collator("en", { numeric: true });
  const order = (body, column, down) => {
    const rows = [...body.rows].map((row) => {
      const cell = row.cells[column];
      return { row, text: cell.dataset.sort ?? cell.textContent.trim(), value: valueOf(cell) };
    });
    const numeric = rows.some((one) => one.value !== null)
      && rows.every((one) => one.value !== null || /^(|[–—-]|nan|none|<na>)$/i.test(one.text));
    rows.sort((a, b) => {
      if (!numeric) return down * collator.compare(a.text, b.text);
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
      return down * (a.value - b.value);
    });
    body.append(...rows.map((one) => one.row));
  };
  const sortable = (table) => {
    const head = table.tHead?.rows;
    const body = table.tBodies[0];
    if (head?.length !== 1 || table.tBodies.length !== 1) return;
    const titles = [...head[0].cells];
    const plain = [...body.rows].every(
      (row) => row.cells.length === titles.length
        && [...row.cells].every((cell) => cell.colSpan === 1 && cell.rowSpan === 1));
    const told = table.closest(".card");  // a card says itself which of its cells are numbers
    titles.forEach((title, column) => {
      const cells = plain ? [...body.rows].map((row) => row.cells[column]) : [];
      const name = title.textContent.trim();
      if (name) cells.forEach((cell) => { cell.dataset.label = name; });
      if (told ? cells.some((cell) => cell.matches(".num")) : cells.length && cells.every((cell) => valueOf(cell) !== null)) {
        [title, ...cells].forEach((cell) => cell.classList.add("num"));
      }
      if (!plain || body.rows.length < 2 || !name) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...title.childNodes);
      title.append(button);
      title.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const up = title.getAttribute("aria-sort") !== "ascending";
        titles.forEach((other) => other.hasAttribute("aria-sort") && other.setAttribute("aria-sort", "none"));
        title.setAttribute("aria-sort", up ? "ascending" : "descending");
        order(body, column, up ? 1 : -1);
      });
    });
  };
  document.querySelectorAll("main table").forEach(sortable);

  // what scrolls must be reached by keyboard, and what does not is no stop on the way
  const frames = [...document.querySelectorAll("figure.plot, .scroll, pre.long")];
  const stops = () => frames.forEach((frame) => {
    const wide = frame.scrollWidth > frame.clientWidth + 1;
    if (wide || frame.scrollHeight > frame.clientHeight + 1) frame.tabIndex = 0;
    else frame.removeAttribute("tabindex");
  });
  stops();
  addEventListener("load", stops);
  addEventListener("resize", stops);

  const links = new Map([...document.querySelectorAll(".contents a")].map(
    (link) => [decodeURIComponent(link.hash.slice(1)), link]));
  if (links.size && "IntersectionObserver" in window) {
    const seen = new Set();
    const mark = () => {
      const first = [...links.keys()].find((id) => seen.has(id));
      if (first === undefined) return;
      links.forEach((link, id) => {
        if (id === first) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      });
    };
    const watch = new IntersectionObserver((entries) => {
      entries.forEach((entry) => seen[entry.isIntersecting ? "add" : "delete"](entry.target.id));
      mark();
    }, { rootMargin: "-60px 0px -55% 0px" });
    links.forEach((_, id) => { if ($(id)) watch.observe($(id)); });
  }
  const contents = document.querySelector(".contents details");
  if (contents && matchMedia("(max-width: 70rem)").matches) contents.open = false;

  const filter = $("filter");
  if (filter) {
    const rows = [...document.querySelectorAll("[data-words]")];  // cards of targets and runs
    const runs = rows.filter((row) => row.matches("tr"));
    const states = [...document.querySelectorAll("[data-filter-state]")];
    const apply = () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = states.filter((box) => box.getAttribute("aria-pressed") === "true")
        .map((box) => box.dataset.filterState);
      let shown = 0;
      rows.forEach((row) => {
        const fits = words.every((word) => row.dataset.words.includes(word))
          && (!wanted.length || wanted.includes(row.dataset.state));
        row.hidden = !fits;
        shown += fits && row.matches("tr");
      });
      $("shown").textContent = words.length || wanted.length ? `${shown} of ${runs.length} runs shown` : "";
    };
    document.querySelector(".filters").hidden = false;
    filter.addEventListener("input", apply);
    states.forEach((box) => box.addEventListener("click", () => {
      box.setAttribute("aria-pressed", String(box.getAttribute("aria-pressed") !== "true"));
      apply();
    }));
    addEventListener("keydown", (event) => {
      if (event.key === "/" && !/^(input|textarea|select)$/i.test(document.activeElement.tagName)) {
        event.preventDefault();
        filter.focus();
      }
    });
  }
})();
