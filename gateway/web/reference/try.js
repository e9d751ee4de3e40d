// Calls of the API from its page: what is filled in becomes a request, and the curl line for it.
"use strict";
(() => {
  const TEXT_MAX = 200000; // More of an answer is saved, not shown.
  const KEY = "gateway-api-key";
  const key = document.getElementById("key");
  const dossier = document.getElementById("dossier");
  const forms = [...document.querySelectorAll("form.try")];

  function remember() {
    try {
      sessionStorage.setItem(KEY, key.value);
    } catch {
      // Without storage the key stays in the field alone.
    }
  }

  function recall() {
    try {
      return sessionStorage.getItem(KEY) || "";
    } catch {
      return "";
    }
  }

  // What the form says: address, headers, body; the key is left to whoever sends it.
  function read(form) {
    let path = form.dataset.path;
    const query = new URLSearchParams();
    const headers = new Headers();
    for (const field of form.querySelectorAll("[data-in]")) {
      const { name, in: place } = field.dataset;
      if (place === "path") {
        path = path.replace(`{${name}}`, field.value === "" ? `{${name}}` : encodeURIComponent(field.value));
      } else if (field.value !== "") {
        if (place === "query") query.set(name, field.value);
        else headers.set(name, field.value);
      }
    }
    if ("dossier" in form.dataset && dossier.value.trim()) headers.set("Dossier", dossier.value.trim());
    let body = null;
    const media = form.querySelector("[data-media-of]");
    if (media) {
      headers.set("Content-Type", media.value);
      const source = [...form.querySelectorAll("[data-body]")].find((each) => each.dataset.body === media.value);
      body = source.type === "file" ? source.files[0] || null : source.value;
    }
    const asked = query.toString();
    return { method: form.dataset.method, path: asked ? `${path}?${asked}` : path, headers, body };
  }

  function quoted(text) {
    return `'${text.replaceAll("'", "'\\''")}'`;
  }

  function curl(form) {
    const { method, path, headers, body } = read(form);
    const words = ["curl -i"];
    if (method !== "GET") words.push(`-X ${method}`);
    if ("keyed" in form.dataset) words.push('-H "Authorization: Bearer $GATEWAY_API_KEY"');
    for (const [name, value] of headers) words.push(`-H ${quoted(`${name}: ${value}`)}`);
    if (body instanceof File) words.push(`--data-binary ${quoted(`@${body.name}`)}`);
    else if (body) words.push(`--data-binary ${quoted(body)}`);
    words.push(quoted(location.origin + path));
    return words.join(" \\\n  ");
  }

  function show(form) {
    form.querySelector("[data-curl]").textContent = curl(form);
  }

  function isText(media) {
    return /json|xml|^text\/|ndjson/.test(media);
  }

  function pretty(text, media) {
    if (!media.includes("json") || media.includes("ndjson")) return text;
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  }

  async function tell(form, response, started) {
    const media = response.headers.get("Content-Type") || "";
    const content = await response.blob();
    const told = form.querySelector("[data-told]");
    told.textContent = `${response.status} ${response.statusText}, ${Math.round(performance.now() - started)} ms, ${content.size} bytes`;
    told.className = response.ok ? "good" : "bad";
    const heads = [...response.headers].map(([name, value]) => `${name}: ${value}`);
    form.querySelector("[data-heads]").textContent = [`HTTP ${response.status} ${response.statusText}`, ...heads].join("\n");
    const shown = isText(media) && content.size > 0 && content.size <= TEXT_MAX;
    const text = form.querySelector("[data-text]");
    text.hidden = !shown;
    text.textContent = shown ? pretty(await content.text(), media) : "";
    const file = form.querySelector("[data-file]");
    if (file.href) URL.revokeObjectURL(file.href);
    file.hidden = content.size === 0;
    if (content.size > 0) {
      const named = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") || "");
      file.href = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
      file.download = named ? named[1] : "answer";
    }
    form.querySelector("[data-answer]").hidden = false;
  }

  async function send(form) {
    const { method, path, headers, body } = read(form);
    const told = form.querySelector("[data-told]");
    const button = form.querySelector("button");
    if ("keyed" in form.dataset && key.value.trim()) headers.set("Authorization", `Bearer ${key.value.trim()}`);
    told.textContent = "…";
    told.className = "";
    button.disabled = true;
    const started = performance.now();
    try {
      await tell(form, await fetch(path, { method, headers, body, redirect: "manual", credentials: "omit" }), started);
    } catch (error) {
      told.textContent = `No answer: ${error.message}`;
      told.className = "bad";
    } finally {
      button.disabled = false;
    }
  }

  // The operation or shape that the address names is opened.
  function open() {
    const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (wanted instanceof HTMLDetailsElement) {
      wanted.open = true;
      wanted.scrollIntoView();
    }
  }

  key.value = recall();
  key.addEventListener("input", remember);
  dossier.addEventListener("input", () => forms.forEach(show));
  for (const form of forms) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      show(form);
      send(form);
    });
    form.addEventListener("input", () => show(form));
    form.addEventListener("change", () => {
      const media = form.querySelector("[data-media-of]");
      for (const each of form.querySelectorAll("[data-body]")) {
        each.parentElement.hidden = each.dataset.body !== media.value;
      }
      show(form);
    });
    show(form);
  }
  window.addEventListener("hashchange", open);
  open();
})();
