// The API reference, made of openapi.json when the page is opened.

const $ = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

// Text with `code` and ``code`` set as such.
function prose(text) {
  const parts = text.split(/(`+)(.+?)\1/);
  return parts.flatMap((part, k) => (k % 3 === 1 ? [] : k % 3 === 2 ? [make("code", {}, part)] : [part]));
}

const paragraphs = (text = "") => text.split(/\n\n+/).filter(Boolean).map((part) => make("p", {}, ...prose(part)));

// A type in words; objects with a name become links.
function type(schema) {
  if (!schema) return ["anything"];
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return [make("a", { href: `#schema-${name}` }, name)];
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.flatMap((one, k) => (k ? [" or ", ...type(one)] : type(one)));
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" or ")];
  if ("const" in schema) return [JSON.stringify(schema.const)];
  if (schema.type === "array") return ["list of ", ...type(schema.items), bounds(schema)];
  if (schema.additionalProperties) return ["object of ", ...type(schema.additionalProperties)];
  if (schema.format === "binary") return ["file"];
  return [schema.type ?? "anything"];
}

function bounds({ minItems, maxItems }) {
  if (minItems === undefined && maxItems === undefined) return "";
  if (minItems === maxItems) return ` (${minItems})`;
  return ` (${minItems ?? 0}${maxItems === undefined ? " or more" : ` to ${maxItems}`})`;
}

function field(name, schema, description, notes) {
  const known = schema?.default === undefined || schema.default === null ? [] : [`default ${JSON.stringify(schema.default)}`];
  const words = [...notes, ...known].join(", ");
  return make(
    "div",
    {},
    make("dt", {}, make("code", {}, name)),
    make(
      "dd",
      {},
      make("p", { class: "type" }, ...type(schema), words ? `; ${words}` : ""),
      description ? make("p", {}, ...prose(description)) : null,
    ),
  );
}

function properties(schema) {
  const rows = Object.entries(schema.properties ?? {}).map(([name, one]) =>
    field(name, one, one.description, schema.required?.includes(name) ? ["required"] : []),
  );
  return make("dl", { class: "fields" }, ...rows);
}

function curl(method, path, body, guarded) {
  const words = ["curl"];
  if (method !== "get") words.push(`-X ${method.toUpperCase()}`);
  if (guarded) words.push("-H 'Authorization: Bearer KEY'");
  for (const name of Object.keys(body?.properties ?? {})) words.push(`-F ${name}=@photo.jpg`);
  return [...words, `'${new URL(path.slice(1), document.baseURI)}'`].join(" ");
}

function tryIt(path, guarded) {
  const button = make("button", { class: "button small", type: "button" }, "Try it");
  const answer = make("pre", { role: "status", "aria-label": `Answer of ${path}`, tabindex: "0", hidden: "" });
  button.addEventListener("click", async () => {
    const key = sessionStorage.getItem("agr-key"); // given on the page
    const headers = guarded && key ? { Authorization: `Bearer ${key}` } : {};
    answer.hidden = false;
    try {
      const reply = await fetch(path.slice(1), { headers });
      const text = await reply.text();
      const json = reply.headers.get("content-type")?.includes("json");
      answer.textContent = `${reply.status}\n${json ? JSON.stringify(JSON.parse(text), null, 2) : text}`;
    } catch {
      answer.textContent = "The service cannot be reached.";
    }
  });
  return [button, answer];
}

function operation(path, method, one) {
  const id = `${method}${path}`.replace(/\W+/g, "-");
  const guarded = Boolean(one.security?.length);
  const parts = [
    make("h2", { id: `${id}-title` }, make("span", { class: "method" }, method.toUpperCase()), make("code", {}, path)),
    make("p", { class: "summary" }, one.summary ?? ""),
    ...paragraphs(one.description),
  ];
  if (guarded) parts.push(make("p", { class: "note" }, "Needs the service's key."));
  if (one.parameters?.length) {
    const rows = one.parameters.map((p) => field(p.name, p.schema, p.description, [`in the ${p.in}`, ...(p.required ? ["required"] : [])]));
    parts.push(make("h3", {}, "Parameters"), make("dl", { class: "fields" }, ...rows));
  }
  const [kind, content] = Object.entries(one.requestBody?.content ?? {})[0] ?? [];
  if (kind) parts.push(make("h3", {}, "Body: ", make("code", {}, kind)), properties(content.schema));
  parts.push(make("h3", {}, "Example"), make("pre", { tabindex: "0" }, curl(method, path, content?.schema, guarded)));
  if (method === "get") parts.push(...tryIt(path, guarded));
  const answers = Object.entries(one.responses).map(([status, reply]) => {
    const [form, { schema } = {}] = Object.entries(reply.content ?? {})[0] ?? [];
    const what = form ? [make("code", {}, form), ...(schema && Object.keys(schema).length ? [": ", ...type(schema)] : [])] : [];
    return make(
      "div",
      {},
      make("dt", {}, make("code", {}, status)),
      make("dd", {}, make("p", {}, ...prose(reply.description ?? "")), make("p", { class: "type" }, ...what)),
    );
  });
  parts.push(make("h3", {}, "Answers"), make("dl", { class: "fields" }, ...answers));
  const link = make("li", {}, make("a", { href: `#${id}` }, `${method.toUpperCase()} ${path}`), `: ${one.summary ?? ""}`);
  return [link, make("section", { class: "operation", id, "aria-labelledby": `${id}-title` }, ...parts)];
}

function show(document) {
  $("version").textContent = document.info.version;
  $("summary").textContent = document.info.summary ?? "";
  $("description").append(...prose(document.info.description ?? ""));
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, one] of Object.entries(methods)) {
      const [link, section] = operation(path, method, one);
      $("contents").append(link);
      $("operations").append(section);
    }
  }
  for (const [name, schema] of Object.entries(document.components?.schemas ?? {})) {
    $("schemas").hidden = false;
    $("schemas").append(
      make("div", { class: "schema", id: `schema-${name}` }, make("h3", {}, name), ...paragraphs(schema.description), properties(schema)),
    );
  }
  if (location.hash) $(location.hash.slice(1))?.scrollIntoView();
}

try {
  const reply = await fetch("openapi.json");
  show(await reply.json());
} catch {
  $("notice").textContent = "The reference cannot be loaded; is the service running?";
  $("notice").hidden = false;
}
