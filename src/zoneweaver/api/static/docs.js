// Shows /openapi.json to people. Nothing is fetched from anywhere else, and all text is put in as text.
"use strict";

const METHODS = ["get", "post", "put", "delete"];

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Text of the description, with what stands in backquotes as code.
function prose(text) {
  return (text || "").split("`").map((part, number) => (number % 2 ? element("code", {}, part) : part));
}

function resolved(spec, schema) {
  let found = schema || {};
  while (found.$ref) found = spec.components.schemas[found.$ref.split("/").pop()];
  return found;
}

function kind(spec, schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map((one) => kind(spec, one)).join(" or ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.type === "array") return `list of ${kind(spec, schema.items) || "anything"}`;
  return schema.format ? `${schema.type} (${schema.format})` : schema.type || "anything";
}

function nested(schema) {
  if (!schema) return [];
  if (schema.$ref) return [schema.$ref];
  return [...(schema.anyOf || []).flatMap(nested), ...nested(schema.items)];
}

function fields(spec, schema, shown = new Set()) {
  const model = resolved(spec, schema);
  if (!model.properties) return element("p", {}, element("code", {}, kind(spec, schema)));
  const rows = Object.entries(model.properties).map(([name, field]) =>
    element("tr", {},
      element("td", { class: (model.required || []).includes(name) ? "required" : "" }, element("code", {}, name)),
      element("td", {}, element("code", {}, kind(spec, field))),
      element("td", {}, ...prose(field.description || resolved(spec, field).description),
        field.default !== undefined ? ` Default: ${JSON.stringify(field.default)}` : "")));
  const table = element("table", {}, element("tbody", {}, ...rows));
  const below = [];
  for (const ref of Object.values(model.properties).flatMap(nested)) {
    if (shown.has(ref)) continue;
    shown.add(ref);
    below.push(element("h4", {}, ref.split("/").pop()), fields(spec, { $ref: ref }, shown));
  }
  return element("div", {}, table, ...below);
}

function tryIt(spec, method, path, operation) {
  const parameters = (operation.parameters || []).filter((one) => one.in !== "header");
  const inputs = new Map();
  for (const one of parameters) {
    inputs.set(one, element("input", { placeholder: one.name, "aria-label": one.name }));
  }
  let body = null;
  if (operation.requestBody) {
    const model = resolved(spec, operation.requestBody.content["application/json"].schema);
    body = element("textarea", { "aria-label": "body", spellcheck: "false" });
    body.value = JSON.stringify((model.examples || [{}])[0], null, 2);
  }
  const answer = element("pre", { hidden: "" });
  const button = element("button", {
    onclick: async () => {
      let target = path;
      const query = new URLSearchParams();
      for (const [one, input] of inputs) {
        if (one.in === "path") target = target.replace(`{${one.name}}`, encodeURIComponent(input.value));
        else if (input.value) query.set(one.name, input.value);
      }
      const headers = {};
      const key = document.getElementById("key").value.trim();
      if (key) headers["X-API-Key"] = key;
      if (body) headers["Content-Type"] = "application/json";
      const url = query.size ? `${target}?${query}` : target;
      answer.hidden = false;
      answer.textContent = "…";
      try {
        const response = await fetch(url, { method: method.toUpperCase(), headers, body: body ? body.value : undefined });
        const text = await response.text();
        let shown = text;
        try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: shown as it is */ }
        answer.textContent = `${response.status} ${response.statusText}\n\n${shown}`;
      } catch (problem) {
        answer.textContent = String(problem);
      }
    },
  }, "Send");
  return element("div", {},
    element("h3", {}, "Try it"),
    ...(inputs.size ? [element("p", {}, ...inputs.values())] : []),
    body, element("div", {}, button), answer);
}

function shownOperation(spec, method, path, operation) {
  const box = element("details", { "data-text": `${method} ${path} ${operation.summary} ${operation.tags}`.toLowerCase() });
  box.append(element("summary", {},
    element("span", { class: `method ${method}` }, method.toUpperCase()),
    element("span", { class: "path" }, path),
    element("span", { class: "summary" }, operation.summary)));
  box.addEventListener("toggle", () => {
    if (!box.open || box.children.length > 1) return;
    const inside = element("div", {}, element("p", {}, ...prose(operation.description)));
    if (operation.parameters) {
      inside.append(element("h3", {}, "Parameters"), element("table", {}, element("tbody", {},
        ...operation.parameters.map((one) => element("tr", {},
          element("td", { class: one.required ? "required" : "" }, element("code", {}, one.name)),
          element("td", {}, one.in),
          element("td", {}, element("code", {}, kind(spec, one.schema))),
          element("td", {}, ...prose(one.description)))))));
    }
    if (operation.requestBody) {
      const schema = operation.requestBody.content["application/json"].schema;
      inside.append(element("h3", {}, "Body"), fields(spec, schema));
      for (const example of resolved(spec, schema).examples || []) {
        inside.append(element("pre", {}, JSON.stringify(example, null, 2)));
      }
    }
    inside.append(element("h3", {}, "Answers"), element("table", {}, element("tbody", {},
      ...Object.entries(operation.responses).map(([status, one]) => element("tr", {},
        element("td", {}, element("code", {}, status)),
        element("td", {}, ...prose(one.description)))))));
    const good = Object.entries(operation.responses).find(([status]) => status.startsWith("2"));
    const content = good && good[1].content && good[1].content["application/json"];
    if (content) inside.append(fields(spec, (content.schema.anyOf || [content.schema])[0]));
    if (!Object.keys(good[1].content || {}).includes("text/event-stream")) {
      inside.append(tryIt(spec, method, path, operation));
    }
    box.append(inside);
  });
  return box;
}

async function show() {
  const routes = document.getElementById("routes");
  let spec;
  try {
    spec = await (await fetch("/openapi.json")).json();
  } catch (problem) {
    routes.textContent = `The description cannot be read: ${problem}`;
    return;
  }
  document.getElementById("title").textContent = `${spec.info.title} ${spec.info.version}`;
  document.getElementById("about").append(...prose(spec.info.description));
  routes.replaceChildren();
  for (const tag of spec.tags) {
    const section = element("section", {}, element("h2", {}, tag.name), element("p", {}, ...prose(tag.description)));
    for (const [path, operations] of Object.entries(spec.paths)) {
      for (const method of METHODS) {
        const operation = operations[method];
        if (operation && operation.tags.includes(tag.name)) section.append(shownOperation(spec, method, path, operation));
      }
    }
    routes.append(section);
  }
  document.getElementById("find").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/);
    for (const box of routes.querySelectorAll("details")) {
      box.hidden = !words.every((word) => box.dataset.text.includes(word));
    }
  });
}

show();
