"use strict";
// What a file of cuts may say, as `kata segment apply` reads it; tests hold both against each other.
const problemOf = (() => {
  const NAME = /^[a-z][a-z0-9_]{0,63}$/, THING = /^[A-Za-z_][\p{L}\p{N}_]*$/u;
  const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
  const isNumber = (text) => NUMBER.test(text) && Number.isFinite(Number(text));
  const isPlace = (text) => {
    const sign = text.indexOf("@"), rest = text.slice(sign + 1).split(",").map((t) => t.trim());
    return sign > 0 && THING.test(text.slice(0, sign).trim()) && [3, 4].includes(rest.length) && rest.every(isNumber);
  };
  const ofSkills = (skills) => {
    for (const [name, parameters] of Object.entries(skills)) {
      const bad = [name, ...parameters].find((each) => !NAME.test(each));
      if (bad !== undefined) return `'${bad}' is no name: lower case, digits and _, a letter first`;
      if (new Set(parameters).size < parameters.length) return `${name} has a parameter twice`;
    }
    return "";
  };
  const ofSegment = (s, skills, episode, data) => {
    if (!(Number.isInteger(s.from) && Number.isInteger(s.to) && 0 <= s.from && s.from < s.to && s.to <= episode.frames))
      return `a segment must lie inside 0 to ${episode.frames} and not be empty`;
    if (!Object.hasOwn(skills, s.skill)) return `there is no skill ${s.skill}`;
    const names = Object.keys(s.arguments), wanted = skills[s.skill];
    if (names.length !== wanted.length || !names.every((name) => wanted.includes(name)))
      return `${s.skill} takes ${wanted.join(", ") || "nothing"}`;
    for (const value of Object.values(s.arguments)) {
      if (!(THING.test(value) || isNumber(value) || isPlace(value))) return `'${value}' is no argument: a name, a number or FRAME@x,y,z`;
      if (THING.test(value) && data.things.length && ![...data.things, ...data.hands].includes(value)) return `there is no thing '${value}'`;
    }
    if (s.hand && !THING.test(s.hand)) return `'${s.hand}' is no hand`;
    return 0 <= s.sure && s.sure <= 1 ? "" : "sure is 0 to 1";
  };
  const ofEpisode = (all, skills, episode, data) => {
    for (const s of all) {
      const problem = ofSegment(s, skills, episode, data);
      if (problem) return problem;
    }
    const sorted = [...all].sort((a, b) => a.from - b.from);
    return sorted.some((s, i) => i && s.from < sorted[i - 1].to) ? "segments would overlap" : "";
  };
  // The first problem of all cuts, in whatever episode it is; empty without any.
  return (cuts, data) => {
    const amiss = ofSkills(cuts.skills);
    if (amiss) return amiss;
    for (const [i, all] of cuts.episodes.entries()) {
      const problem = ofEpisode(all, cuts.skills, data.episodes[i], data);
      if (problem) return `episode ${data.episodes[i].index}: ${problem}`;
    }
    return "";
  };
})();
