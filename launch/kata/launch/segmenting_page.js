(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const fps = data.head.fps, HISTORY = 200;
  let cuts = { skills: data.skills, episodes: data.episodes.map((e) => e.segments) };
  let at = 0, frame = 0, chosen = 0, timer = 0, drag = null;
  let undone = [], done = [], saved = JSON.stringify(cuts);
  const copy = (value) => JSON.parse(JSON.stringify(value));
  const shown = () => data.episodes[at];
  const spans = () => cuts.episodes[at];
  const clamp = (v, low, high) => Math.max(low, Math.min(high, v));

  // Every element is made here and filled by textContent, so that no text of a dataset is markup.
  const make = (tag, fields = {}, ...inside) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(fields)) {
      if (key in node) node[key] = value; else node.setAttribute(key, value);
    }
    node.append(...inside);
    return node;
  };
  const draw = (parent, tag, fields, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(fields)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  };
  const hue = (skill) => (Object.keys(cuts.skills).indexOf(skill) * 137.5 + 205) % 360;
  const colour = (skill, strong) =>
    `hsl(${hue(skill).toFixed(0)} ${strong ? 60 : 55}% var(--${strong ? "strong" : "light"}))`;
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const callText = (s) => `${s.skill}(${Object.values(s.arguments).join(", ")})`;

  // Changes: each is a step that can be undone; what cannot be is refused and says why.
  const change = (edit) => {
    const next = copy(cuts);
    edit(next, next.episodes[at]);
    const problem = problemOf(next, data);
    $("problem").textContent = problem;
    if (problem) { show(); return false; }
    const keep = next.episodes[at][chosen];
    next.episodes[at].sort((a, b) => a.from - b.from);
    if (keep) chosen = next.episodes[at].indexOf(keep);
    done.push(cuts); done.splice(0, done.length - HISTORY); undone = [];
    cuts = next; show();
    return true;
  };
  const step = (from, to) => {
    if (!from.length) return;
    to.push(cuts); cuts = from.pop();
    $("problem").textContent = ""; show();
  };
  const rest = (next, segment, skill) => {
    // A call of another skill keeps the arguments whose parameters it has.
    if (!Object.hasOwn(next.skills, skill)) next.skills[skill] = Object.keys(segment.arguments);
    segment.skill = skill;
    segment.arguments = Object.fromEntries(next.skills[skill].map((name, i) =>
      [name, segment.arguments[name] ?? Object.values(segment.arguments)[i] ?? data.things[0] ?? "thing"]));
  };
  const nearest = () => {
    let best = null;
    spans().forEach((s, i) => ["from", "to"].forEach((side) => {
      const far = Math.abs(s[side] - frame);
      if (!best || far < best.far) best = { i, side, far };
    }));
    return best;
  };
  const moveEdge = (next, i, side, to) => {
    const old = next[i][side], other = side === "from" ? "to" : "from";
    next[i][side] = to; next[i].sure = 1;
    const beside = next.find((s, k) => k !== i && s[other] === old);
    if (beside) beside[other] = to;
  };
  const split = () => change((_, now) => {
    const i = now.findIndex((s) => s.from < frame && frame < s.to);
    if (i < 0) return;
    const late = copy(now[i]);
    now[i].to = late.from = frame; now[i].sure = 1;
    now.splice(i + 1, 0, late); chosen = i + 1;
  });
  const add = () => change((next, now) => {
    if (now.some((s) => s.from <= frame && frame < s.to)) return;
    const from = Math.max(0, ...now.filter((s) => s.to <= frame).map((s) => s.to));
    const to = Math.min(shown().frames, ...now.filter((s) => s.from > frame).map((s) => s.from));
    const made = { from, to, skill: "", arguments: {}, hand: "", sure: 1 };
    rest(next, made, Object.keys(next.skills)[0] ?? "skill_1");
    now.push(made); chosen = now.length - 1;
  });
  const merge = () => change((_, now) => {
    if (!now[chosen + 1]) return;
    now[chosen].to = now[chosen + 1].to; now[chosen].sure = now[chosen + 1].sure;
    now.splice(chosen + 1, 1);
  });
  const drop = () => change((_, now) => { now.splice(chosen, 1); chosen = Math.max(0, chosen - 1); });

  // The file, as Kata writes it itself.
  const plain = /^[A-Za-z_]\w*$/, reserved = /^(y|n|yes|no|on|off|true|false|null)$/i;
  const hard = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;
  const quoted = (text) => JSON.stringify(text).replace(hard, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
  const word = (text) => (plain.test(text) && !reserved.test(text) ? text : quoted(text));
  const spanText = (s) => {
    const parts = [`from: ${s.from}`, `to: ${s.to}`, `skill: ${word(s.skill)}`];
    const pairs = Object.entries(s.arguments).map(([k, v]) => `${word(k)}: ${word(v)}`);
    if (pairs.length) parts.push(`arguments: {${pairs.join(", ")}}`);
    if (s.hand) parts.push(`hand: ${word(s.hand)}`);
    if (s.sure < 1) parts.push(`sure: ${s.sure.toFixed(2)}`);
    return `{${parts.join(", ")}}`;
  };
  const fileText = () => {
    const h = data.head, lines = [`format: ${h.format}`, `data: ${quoted(h.data)}`, `content: ${word(h.content)}`,
      `fps: ${h.fps}`, `found: ${quoted(h.found)}`];
    const used = new Set(cuts.episodes.flat().map((s) => s.skill));
    const skills = Object.entries(cuts.skills).filter(([name]) => used.has(name));
    lines.push(skills.length ? "skills:" : "skills: {}");
    for (const [name, list] of skills) lines.push(`  ${word(name)}: [${list.map(word).join(", ")}]`);
    lines.push("episodes:");
    data.episodes.forEach((e, i) => {
      lines.push(`- episode: ${e.index}`, `  frames: ${e.frames}`, `  phases: [${e.phases.join(", ")}]`,
        cuts.episodes[i].length ? "  segments:" : "  segments: []");
      for (const s of cuts.episodes[i]) lines.push(`  - ${spanText(s)}`);
    });
    return lines.join("\n") + "\n";
  };
  const save = () => {
    const link = make("a", { href: URL.createObjectURL(new Blob([fileText()], { type: "text/yaml" })), download: "cuts.yaml" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    saved = JSON.stringify(cuts);
    show();
    $("saved").hidden = false;
    $("saved").replaceChildren("Saved as cuts.yaml where your browser puts downloads. Next: ", make("code", {}, data.apply));
  };

  // The time line.
  const runs = (values, height, top, low, high) => values.map((v, i) =>
    `${i ? "L" : "M"}${i},${(top + height * (1 - clamp((v - low) / (high - low || 1), 0, 1))).toFixed(1)}`).join("");
  const line = () => {
    const svg = $("line"), e = shown(), width = Math.max(svg.clientWidth, 260), scale = width / e.frames;
    const lanes = e.lanes, height = 150 + 46 + lanes.length * 18 + 20;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
    e.phases.forEach((p) => draw(svg, "line", { x1: p * scale, x2: p * scale, y1: 52, y2: 140, stroke: "var(--phase)", "stroke-dasharray": "2 3" }));
    if (e.surprise.length) {
      // A few frames surprise so much that they would flatten all others: they are cut off.
      const usual = [...e.surprise].sort((a, b) => a - b)[Math.floor(0.97 * e.surprise.length)];
      const high = Math.max(3 * data.threshold, 1.2 * usual), group = draw(svg, "g", { transform: `scale(${scale} 1)` });
      const rule = 56 + 80 * (1 - data.threshold / high);
      draw(svg, "line", { x1: 0, x2: width, y1: rule, y2: rule, stroke: "var(--rule)" });
      draw(group, "path", { d: runs(e.surprise, 80, 56, 0, high), fill: "none", stroke: "var(--curve)", "stroke-width": 1.4, "vector-effect": "non-scaling-stroke" });
    }
    e.gripper.forEach((values) => {
      const group = draw(svg, "g", { transform: `scale(${scale} 1)` });
      draw(group, "path", { d: runs(values, 34, 150, Math.min(0, ...values), Math.max(1, ...values)), fill: "none", stroke: "var(--grip)", "stroke-width": 1.4, "vector-effect": "non-scaling-stroke" });
    });
    lanes.forEach((lane, k) => {
      const y = 194 + k * 18;
      lane.runs.forEach(([a, b]) => draw(svg, "rect", { x: a * scale, y, width: (b - a) * scale, height: 13, rx: 3, fill: "var(--grip)", "fill-opacity": 0.35 }));
      draw(svg, "text", { x: 4, y: y + 10.5, class: "faint" }, lane.name);
    });
    spans().forEach((s, i) => segment(svg, s, i, scale));
    spans().forEach((s, i) => edges(svg, s, i, scale));
    const x = (frame + 0.5) * scale;
    draw(svg, "line", { x1: x, x2: x, y1: 0, y2: height, stroke: "var(--cursor)", "stroke-width": 1.5, id: "cursor" });
  };
  const segment = (svg, s, i, scale) => {
    const x = s.from * scale, width = (s.to - s.from) * scale;
    const bar = draw(svg, "rect", { x, y: 8, width, height: 38, rx: 4, fill: colour(s.skill), class: `seg${i === chosen ? " chosen" : ""}`, "data-i": i });
    draw(bar, "title", {}, `${callText(s)}, ${s.from} to ${s.to}`);
    const room = Math.floor((width - 8) / 6.7);
    const fit = (text) => (text.length <= room ? text : room > 2 ? text.slice(0, room - 1) + "…" : "");
    draw(svg, "text", { x: x + 5, y: 25 }, fit(s.skill));
    draw(svg, "text", { x: x + 5, y: 40, class: "faint" }, fit(Object.values(s.arguments).join(", ")));
  };
  // Over all segments, so that none covers the edge of the one before it.
  const edges = (svg, s, i, scale) => {
    for (const side of ["from", "to"]) {
      if (side === "from" && spans().some((o) => o.to === s.from)) continue;
      draw(svg, "rect", { x: s[side] * scale - 5, y: 4, width: 10, height: 46, class: "edge", "data-i": i, "data-side": side,
        role: "slider", tabindex: 0, "aria-label": `${side} of ${callText(s)}`, "aria-valuemin": 0, "aria-valuemax": shown().frames, "aria-valuenow": s[side] });
    }
  };
  const frameAt = (event) => {
    const box = $("line").getBoundingClientRect();
    return clamp(Math.floor(((event.clientX - box.left) / box.width) * shown().frames), 0, shown().frames - 1);
  };
  $("line").addEventListener("pointerdown", (event) => {
    const { i, side } = event.target.dataset;
    drag = { i: i === undefined ? -1 : Number(i), side, before: copy(cuts), moved: false };
    if (drag.i >= 0) chosen = drag.i;
    $("line").setPointerCapture(event.pointerId);
    if (side) { event.preventDefault(); show(); } else seek(frameAt(event));
  });
  $("line").addEventListener("pointermove", (event) => {
    if (!drag) return;
    const to = frameAt(event);
    if (!drag.side) { seek(to); return; }
    const next = copy(drag.before);
    moveEdge(next.episodes[at], drag.i, drag.side, to);
    if (!problemOf(next, data)) { cuts = next; drag.moved = true; seek(to); }
  });
  const release = () => {
    if (drag && drag.moved) { done.push(drag.before); undone = []; show(); }
    drag = null;
  };
  $("line").addEventListener("pointerup", release);
  $("line").addEventListener("pointercancel", release);
  $("line").addEventListener("keydown", (event) => {
    const { i, side } = event.target.dataset, way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!side || !way) return;
    event.preventDefault(); event.stopPropagation();
    const to = spans()[Number(i)][side] + way * (event.shiftKey ? 10 : 1);
    if (change((_, now) => moveEdge(now, Number(i), side, to))) {
      seek(to);
      $("line").querySelector(`[data-i="${i}"][data-side="${side}"]`)?.focus();
    }
  });

  // The scene.
  const above = () => {
    const canvas = $("above"), pen = canvas.getContext("2d"), e = shown();
    const places = [...e.tools.flat(), ...Object.values(e.things).flat()];
    canvas.hidden = !places.length;
    $("views").hidden = !places.length && !e.videos.length;
    if (!places.length) return;
    const xs = places.map((p) => p[0]), ys = places.map((p) => p[1]);
    const low = [Math.min(...xs) - 60, Math.min(...ys) - 60], high = [Math.max(...xs) + 60, Math.max(...ys) + 60];
    const scale = Math.min(canvas.width / (high[1] - low[1]), canvas.height / (high[0] - low[0]));
    // x goes up and y to the left, as one sees it from behind the robot.
    const put = ([x, y]) => [canvas.width / 2 - (y - (low[1] + high[1]) / 2) * scale, canvas.height / 2 - (x - (low[0] + high[0]) / 2) * scale];
    const now = Math.floor(frame / e.every);
    pen.fillStyle = ink("--ground"); pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.font = "17px system-ui, sans-serif"; pen.lineWidth = 2;
    const path = (points, style) => {
      pen.strokeStyle = style; pen.beginPath();
      points.forEach((p, i) => pen[i ? "lineTo" : "moveTo"](...put(p))); pen.stroke();
    };
    for (const [name, place] of Object.entries(e.things)) {
      const moves = place.length > 1, here = put(place[Math.min(now, place.length - 1)]);
      if (moves) path(place.slice(Math.max(0, now - 30), now + 1), ink("--grip"));
      pen.fillStyle = moves ? ink("--grip") : ink("--phase");
      pen.fillRect(here[0] - 8, here[1] - 8, 16, 16);
      const wide = pen.measureText(name).width, left = here[0] + 13 + wide > canvas.width ? -13 - wide : 13;
      pen.fillStyle = ink(moves ? "--ink" : "--faint"); pen.fillText(name, here[0] + left, here[1] + 6);
    }
    e.tools.forEach((tool, k) => {
      path(tool.slice(Math.max(0, now - 30), now + 1), ink("--cursor"));
      const [x, y] = put(tool[Math.min(now, tool.length - 1)]), grip = e.gripper[k];
      const wide = grip ? 6 + 14 * (grip[frame] / Math.max(1, ...grip)) : 12;
      pen.strokeStyle = ink("--cursor"); pen.lineWidth = 4; pen.beginPath();
      pen.moveTo(x - wide, y - 9); pen.lineTo(x - wide, y + 9); pen.moveTo(x + wide, y - 9); pen.lineTo(x + wide, y + 9); pen.stroke(); pen.lineWidth = 2;
    });
  };
  const pictures = () => {
    $("pictures").replaceChildren(...shown().videos.map((v) => {
      const video = make("video", { src: v.src, muted: true, preload: "auto", playsInline: true });
      video.dataset.start = v.start;
      const figure = make("figure", {}, video, make("figcaption", {}, v.name));
      video.addEventListener("error", () => { figure.lastChild.textContent = `${v.name}: cannot be shown; is ${v.src} still there?`; video.remove(); });
      video.addEventListener("loadedmetadata", () => { video.currentTime = v.start + (frame + 0.5) / fps; });
      return figure;
    }));
  };
  const seek = (to) => {
    frame = clamp(to, 0, shown().frames - 1);
    const inside = spans().findIndex((s) => s.from <= frame && frame < s.to);
    if (inside >= 0 && !drag?.side) chosen = inside;
    for (const video of document.querySelectorAll("video"))
      if (video.readyState) video.currentTime = Number(video.dataset.start) + (frame + 0.5) / fps;
    $("frame").value = frame;
    const s = spans()[inside];
    $("now").textContent = `${frame}, ${(frame / fps).toFixed(2)} s${s ? ", " + s.skill : ""}`;
    above(); line(); marks();
  };
  const play = () => {
    if (timer) { clearInterval(timer); timer = 0; } else timer = setInterval(() => {
      if (frame + 1 >= shown().frames) play(); else seek(frame + 1);
    }, 1000 / fps);
    $("play").textContent = timer ? "stop" : "play";
  };

  // The tables.
  const marks = () => [...$("rows").children].forEach((row, i) => row.classList.toggle("chosen", i === chosen));
  const dot = (skill) => { const node = make("span", { className: "dot" }); node.style.background = colour(skill, true); return node; };
  const rows = () => {
    $("rows").replaceChildren(...spans().map((s, i) => {
      const number = (side) => make("input", { type: "number", min: 0, max: shown().frames, value: s[side], ariaLabel: side,
        onchange: (event) => change((_, now) => moveEdge(now, i, side, Number(event.target.value))) });
      const name = make("input", { value: s.skill, className: "name", ariaLabel: "skill", onchange: (event) =>
        change((next, now) => rest(next, now[i], event.target.value.trim())) });
      name.setAttribute("list", "names");
      const given = Object.entries(s.arguments).map(([key, value]) => {
        const input = make("input", { value, onchange: (event) => change((_, now) => { now[i].arguments[key] = event.target.value.trim(); }) });
        input.setAttribute("list", "things");
        return make("label", {}, `${key} `, input);
      });
      const row = make("tr", { onclick: () => { chosen = i; if (frame < s.from || frame >= s.to) seek(s.from); else { marks(); line(); } } },
        make("td", {}, number("from")), make("td", {}, number("to")), make("td", { className: "call" }, dot(s.skill), name),
        make("td", {}, ...given), make("td", {}, s.sure < 1 ? s.sure.toFixed(2) : ""));
      return row;
    }));
    marks();
  };
  const skills = () => {
    const counts = {};
    cuts.episodes.flat().forEach((s) => { counts[s.skill] = (counts[s.skill] ?? 0) + 1; });
    const each = (next, skill, edit) => next.episodes.flat().filter((s) => s.skill === skill).forEach(edit);
    $("skills").replaceChildren(...Object.entries(cuts.skills).filter(([name]) => counts[name]).map(([name, list]) => make("tr", {},
      make("td", { className: "call" }, dot(name), make("input", { value: name, className: "name", ariaLabel: "name", onchange: (event) => change((next) => {
        const to = event.target.value.trim();
        if (!Object.hasOwn(next.skills, to)) next.skills[to] = next.skills[name];
        each(next, name, (s) => rest(next, s, to));
      }) })),
      make("td", {}, make("input", { value: list.join(", "), ariaLabel: "parameters", onchange: (event) => change((next) => {
        next.skills[name] = event.target.value.split(",").map((t) => t.trim()).filter((t) => t);
        each(next, name, (s) => rest(next, s, name));
      }) })),
      make("td", {}, String(counts[name])))));
    $("names").replaceChildren(...Object.keys(cuts.skills).map((name) => make("option", { value: name })));
    const many = (count, name) => `${count} ${name}${count === 1 ? "" : "s"}`;
    $("counts").textContent = `${many(data.episodes.length, "demonstration")}, `
      + `${many(cuts.episodes.flat().length, "segment")} of ${many(Object.keys(counts).length, "skill")}`;
  };
  const changed = () => JSON.stringify(cuts) !== saved;
  const show = () => {
    chosen = clamp(chosen, 0, Math.max(0, spans().length - 1));
    rows(); skills(); seek(frame);
    $("undo").disabled = !done.length; $("redo").disabled = !undone.length;
    $("merge").disabled = !spans()[chosen + 1]; $("drop").disabled = !spans().length;
    $("save").textContent = changed() ? "save cuts.yaml •" : "save cuts.yaml";
  };
  const open = (to) => {
    at = clamp(to, 0, data.episodes.length - 1); frame = 0; chosen = 0;
    $("episode").value = at; $("frame").max = shown().frames - 1;
    $("before").disabled = at === 0; $("after").disabled = at === data.episodes.length - 1;
    $("problem").textContent = "";
    pictures(); show();
  };
  const jump = (way) => {
    const edges = [0, ...spans().flatMap((s) => [s.from, s.to]), shown().frames - 1].sort((a, b) => a - b);
    const next = way > 0 ? edges.find((f) => f > frame) : edges.reverse().find((f) => f < frame);
    if (next !== undefined) seek(next);
  };
  const nudge = (way) => {
    const edge = nearest();
    if (edge && change((_, now) => moveEdge(now, edge.i, edge.side, now[edge.i][edge.side] + way))) seek(frame + way);
  };
  const keys = { "[": () => jump(-1), "]": () => jump(1), ",": () => nudge(-1), ".": () => nudge(1), " ": play, s: split, a: add, m: merge,
    Delete: drop, Backspace: drop, n: () => open(at + 1), p: () => open(at - 1), r: () => $("rows").children[chosen]?.querySelector(".name")?.focus() };
  document.addEventListener("keydown", (event) => {
    const control = event.ctrlKey || event.metaKey, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (control && key === "s") { event.preventDefault(); save(); return; }
    if (/^(INPUT|SELECT|BUTTON)$/.test(event.target.tagName) && event.target.type !== "range" && !(control && event.target.tagName === "BUTTON")) return;
    if (control && (key === "z" || key === "y")) {
      event.preventDefault();
      if (key === "y" || event.shiftKey) step(undone, done); else step(done, undone);
    } else if (!control && (key === "ArrowLeft" || key === "ArrowRight")) {
      event.preventDefault(); seek(frame + (key === "ArrowLeft" ? -1 : 1) * (event.shiftKey ? 10 : 1));
    } else if (!control && keys[key]) { event.preventDefault(); keys[key](); }
  });
  const bind = { undo: () => step(done, undone), redo: () => step(undone, done), save, play, split, add, merge, drop, before: () => open(at - 1), after: () => open(at + 1) };
  for (const [id, action] of Object.entries(bind)) $(id).onclick = action;
  $("episode").append(...data.episodes.map((e, i) => make("option", { value: i }, String(e.index))));
  $("episode").onchange = (event) => open(Number(event.target.value));
  $("frame").oninput = (event) => seek(Number(event.target.value));
  const things = make("datalist", { id: "things" }, ...data.things.map((name) => make("option", { value: name })));
  document.body.append(things);
  if (data.missing.length) {
    $("missing").hidden = false;
    $("missing").textContent = `Skills could not be told, for want of ${data.missing.join(" and ")}. The dashed lines are phases: cut and name the segments by hand.`;
  }
  $("legend").textContent = "Coloured: segments. Curve: how surprising each action was; above the line a phase begins (dashed). Below: the gripper's opening, and what held when.";
  addEventListener("resize", () => seek(frame));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
  addEventListener("beforeunload", (event) => { if (changed()) event.preventDefault(); });
  if (data.episodes.length) open(0);
})();
