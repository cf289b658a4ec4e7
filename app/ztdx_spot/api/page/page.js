// Shows openapi.json and sends requests. Texts of the document are only ever set as text.
"use strict";

const byId = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const nameOf = (reference) => reference.split("/").pop();
const linkTo = (name) => element("a", { href: `#schema-${name}` }, name);

// The type of a schema in a few words, with a link where it has a name.
function typeOf(schema) {
  if (schema.$ref) return linkTo(nameOf(schema.$ref));
  if (schema.anyOf) {
    const parts = schema.anyOf.map(typeOf);
    return element("span", {}, ...parts.flatMap((part, i) => (i ? [" or ", part] : [part])));
  }
  if (schema.const !== undefined) return element("code", {}, JSON.stringify(schema.const));
  if (schema.enum) return element("span", {}, schema.enum.map((e) => JSON.stringify(e)).join(", "));
  if (schema.type === "array") return element("span", {}, "list of ", typeOf(schema.items));
  return element("span", {}, schema.type ?? "anything");
}

// An example of a schema, from its own examples as far as it has any.
function exampleOf(schema, schemas, depth = 0) {
  if (depth > 6) return null;
  if (schema.examples?.length) return schema.examples[0];
  if (schema.$ref) return exampleOf(schemas[nameOf(schema.$ref)], schemas, depth + 1);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return exampleOf(schema.anyOf[0], schemas, depth + 1);
  if (schema.type === "array") return [exampleOf(schema.items, schemas, depth + 1)];
  if (schema.type === "object") {
    const members = Object.entries(schema.properties ?? {});
    return Object.fromEntries(members.map(([n, m]) => [n, exampleOf(m, schemas, depth + 1)]));
  }
  if (schema.type === "string" && schema.pattern?.includes("{64}")) {
    return (schema.pattern.startsWith("^0x") ? "0x" : "") + "ab".repeat(32);
  }
  return { string: "text", integer: schema.minimum ?? 1, boolean: true }[schema.type] ?? null;
}

function rows(entries) {
  const table = element("table");
  for (const cells of entries) {
    table.append(element("tr", {}, ...cells.map((cell) => element("td", {}, cell))));
  }
  return table;
}

function membersOf(schema) {
  const required = schema.required ?? [];
  return rows(
    Object.entries(schema.properties ?? {}).map(([name, member]) => [
      element("code", {}, name + (required.includes(name) ? "" : "?")),
      typeOf(member),
      member.description ?? "",
    ]),
  );
}

function bodyOf(schema, schemas) {
  const shown = schema.$ref ? schemas[nameOf(schema.$ref)] : schema;
  const example = JSON.stringify(exampleOf(schema, schemas), null, 2);
  const parts = shown.properties ? [membersOf(shown)] : [];
  return element("div", {}, ...parts, element("pre", {}, example));
}

function responsesOf(operation, schemas) {
  const shown = element("div");
  for (const [status, response] of Object.entries(operation.responses)) {
    const [media, content] = Object.entries(response.content ?? {})[0] ?? [];
    const lines = response.description.split("\n");
    const described = lines[0].startsWith("- ")
      ? element("ul", {}, ...lines.map((line) => element("li", {}, line.slice(2))))
      : element("p", {}, response.description);
    shown.append(element("h3", {}, status, media ? ` ${media}` : ""), described);
    if (Number(status) < 400 && media === "application/json") {
      shown.append(bodyOf(content.schema, schemas));
    }
  }
  return shown;
}

const hex = (buffer) =>
  Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function hmacSha256(secret, payload) {
  const bytes = (text) => new TextEncoder().encode(text);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes(secret), algorithm, false, ["sign"]);
  return hex(await crypto.subtle.sign("HMAC", key, bytes(payload)));
}

// The credential that the operation asks for; a signature is over the query as it will be sent.
async function authorise(operation, headers, pairs, body) {
  const wanted = operation.security.map((entry) => Object.keys(entry)[0]);
  if (wanted.includes("admin")) headers["X-API-Key"] = byId("admin-key").value;
  if (!wanted.includes("jwt")) return pairs.join("&");
  if (byId("api-key").value) {
    headers["X-MBX-APIKEY"] = byId("api-key").value;
    const payload = [...pairs, `timestamp=${Date.now()}`].join("&");
    const signature = await hmacSha256(byId("api-secret").value, payload + (body ?? ""));
    return `${payload}&signature=${signature}`;
  }
  if (byId("jwt").value) headers.Authorization = `Bearer ${byId("jwt").value}`;
  return pairs.join("&");
}

async function send(path, method, operation, inputs, bodyInput) {
  const headers = {};
  const pairs = [];
  let url = path;
  for (const { parameter, input } of inputs) {
    const value = input.value;
    if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (!value) continue;
    else if (parameter.in === "header") headers[parameter.name] = value;
    else pairs.push(`${parameter.name}=${encodeURIComponent(value)}`);
  }
  const body = bodyInput?.value;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const query = await authorise(operation, headers, pairs, body);
  if (query) url += `?${query}`;
  const answer = await fetch(url, { method: method.toUpperCase(), headers, body });
  const text = await answer.text();
  const type = answer.headers.get("Content-Type") ?? "";
  const shown = type.includes("json") ? JSON.stringify(JSON.parse(text), null, 2) : text;
  return `${method.toUpperCase()} ${url}\n${answer.status}\n\n${shown || "(no body)"}`;
}

function trial(path, method, operation, schemas) {
  const form = element("form");
  const isSigned = (name) => name === "timestamp" || name === "signature";
  const inputs = operation.parameters
    .filter((parameter) => parameter.in !== "query" || !isSigned(parameter.name))
    .map((parameter) => {
      const input = element("input", { autocomplete: "off", spellcheck: "false" });
      if (parameter.required) input.required = true;
      form.append(element("label", {}, `${parameter.name} (${parameter.in})`, input));
      return { parameter, input };
    });
  let body;
  if (operation.requestBody) {
    const { schema } = operation.requestBody.content["application/json"];
    body = element("textarea", { spellcheck: "false" });
    body.value = JSON.stringify(exampleOf(schema, schemas), null, 2);
    form.append(element("label", {}, "body", body));
  }
  const output = element("pre", { "aria-live": "polite" });
  output.hidden = true;
  form.append(element("button", {}, "Send"), output);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    output.hidden = false;
    output.textContent = "…";
    try {
      output.textContent = await send(path, method, operation, inputs, body);
    } catch (error) {
      output.textContent = `No answer: ${error.message}`;
    }
  });
  return form;
}

const WHO = { jwt: "a token", hmac: "a signed request with an API key", admin: "the admin key" };

function operationPanel(path, method, operation, schemas) {
  const heading = element(
    "summary",
    {},
    element("span", { class: "method" }, method.toUpperCase()),
    element("code", {}, path),
    " ",
    element("span", { class: "summary" }, operation.summary),
  );
  const panel = element("details", { class: "operation", id: operation.operationId }, heading);
  const who = operation.security.map((entry) => WHO[Object.keys(entry)[0]]).join(" or ");
  panel.append(
    element("p", {}, operation.description),
    element("p", { class: "quiet" }, who ? `Needs ${who}.` : "For anybody."),
  );
  if (operation.parameters.length) {
    const entries = operation.parameters.map((parameter) => [
      element("code", {}, parameter.name + (parameter.required ? "" : "?")),
      element("span", {}, `${parameter.in}, `, typeOf(parameter.schema)),
      parameter.description,
    ]);
    panel.append(element("h3", {}, "Parameters"), rows(entries));
  }
  if (operation.requestBody) {
    const { schema } = operation.requestBody.content["application/json"];
    panel.append(element("h3", {}, "Body"), bodyOf(schema, schemas));
  }
  panel.append(
    responsesOf(operation, schemas),
    element("h3", {}, "Try it"),
    trial(path, method, operation, schemas),
  );
  return panel;
}

function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target?.tagName !== "DETAILS") return;
  target.open = true;
  target.scrollIntoView();
}

function show(api) {
  const { schemas } = api.components;
  document.title = `${api.info.title}: API reference`;
  byId("title").textContent = api.info.title;
  byId("about").textContent = api.info.description;
  byId("version").textContent = `version ${api.info.version}`;
  const rooms = new Map();
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const [room] = operation.tags;
      if (!rooms.has(room)) rooms.set(room, []);
      rooms.get(room).push(operationPanel(path, method, operation, schemas));
      const link = element("a", { href: `#${operation.operationId}` });
      link.append(
        element("span", { class: "method" }, method.toUpperCase()),
        element("code", {}, path),
      );
      byId("contents").append(link);
    }
  }
  byId("operations").replaceChildren();
  for (const [room, panels] of rooms) byId("operations").append(element("h2", {}, room), ...panels);
  byId("schemas").append(element("h2", {}, "Schemas"));
  for (const [name, schema] of Object.entries(schemas)) {
    byId("schemas").append(
      element(
        "details",
        { class: "schema", id: `schema-${name}` },
        element("summary", {}, element("code", {}, name)),
        element("p", {}, schema.description ?? ""),
        schema.properties ? membersOf(schema) : typeOf(schema),
      ),
    );
  }
  openTarget();
  addEventListener("hashchange", openTarget);
}

fetch("openapi.json")
  .then((answer) => answer.json())
  .then(show)
  .catch((error) => {
    const text = `openapi.json can't be read: ${error.message}`;
    byId("operations").replaceChildren(element("p", { class: "wrong" }, text));
  });
