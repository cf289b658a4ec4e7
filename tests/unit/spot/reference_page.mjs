// Runs the reference page's script on a small document tree; prints what it shows and sends.
import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";

const [, , folder, apiKey] = process.argv;
const ids = {};

class Node {
  constructor(tag) {
    this.tagName = tag.toUpperCase();
    this.children = [];
    this.listeners = {};
    this.value = "";
    this.text = "";
  }
  setAttribute(name, value) {
    if (name === "id") ids[value] = this;
  }
  append(...children) {
    this.children.push(...children);
  }
  replaceChildren(...children) {
    this.children = children;
  }
  addEventListener(name, listener) {
    this.listeners[name] = listener;
  }
  set textContent(text) {
    this.text = text;
    this.children = [];
  }
  get textContent() {
    const texts = this.children.map((child) =>
      child instanceof Node ? child.textContent : String(child),
    );
    return this.text + texts.join("");
  }
  all(tag) {
    const nodes = this.children.filter((child) => child instanceof Node);
    const own = this.tagName === tag ? [this] : [];
    return [...own, ...nodes.flatMap((node) => node.all(tag))];
  }
}

const written = { contents: 0, operations: 0, schemas: 0, title: 0, about: 0, version: 0 };
for (const id of Object.keys(written)) new Node("div").setAttribute("id", id);
const typed = { jwt: "T", "api-key": apiKey, "api-secret": "S", "admin-key": "A" };
for (const [id, value] of Object.entries(typed)) {
  const input = new Node("input");
  input.value = value;
  input.setAttribute("id", id);
}

let last;
let shown;
const read = (name) => readFileSync(`${folder}/${name}`, "utf8");
const page = {
  document: { createElement: (tag) => new Node(tag), getElementById: (id) => ids[id] ?? null },
  location: { hash: "" },
  // The last thing that the script does when it has shown everything.
  addEventListener: () => shown(),
  crypto,
  TextEncoder,
  fetch: async (url, options) => {
    if (url === "openapi.json") return { json: async () => JSON.parse(read("openapi.json")) };
    last = { url, ...options };
    return { status: 200, headers: { get: () => null }, text: async () => "" };
  },
};
await new Promise((resolve) => {
  shown = resolve;
  runInNewContext(read("page.js"), page);
});

const sent = {};
for (const name of ["listDeposits", "creditBalance", "changeApiKey", "getHealth"]) {
  const [form] = ids[name].all("FORM");
  const [first] = form.all("INPUT");
  if (first) first.value = "5";
  await form.listeners.submit({ preventDefault() {} });
  sent[name] = last;
}
console.log(
  JSON.stringify({
    title: page.document.title,
    contents: ids.contents.textContent,
    operations: ids.operations.textContent,
    schemas: ids.schemas.textContent,
    sent,
  }),
);
