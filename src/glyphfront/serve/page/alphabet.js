// Which characters an alphabet asks for: as ship/alphabet.py, with the words and outputs that it wrote into models.json.

/** Each character with the output that writes it; words as `models.json` has them under "alphabets". */
export function alphabetOf(given, { classes, outputs }, words) {
  if (!given) return classes.map((character, output) => [character, output]);
  if (!given.trim())
    throw new Error("the alphabet is empty; give digits, upper, lower, letters, or characters such as 0-9A-F");
  const outputOf = new Map(Object.entries(outputs)), answered = new Map(), unknown = new Set();
  const [wanted, implied] = charactersOf(given.normalize("NFC"), classes, outputOf, words);
  for (const character of wanted) {
    const output = outputOf.get(character);
    if (output === undefined) implied.has(character) || unknown.add(character);
    else if (!answered.has(output) || character === classes[output]) answered.set(output, character);
  }
  if (unknown.size || !answered.size) {
    const lacking = [...unknown].sort().slice(0, 12).map(shown).join(" ") || `any of '${given}'`;
    const known = classes.join(classes.every((one) => [...one].length === 1) ? "" : ", ");
    throw new Error(`the model cannot write ${lacking}; it knows ${[...known].slice(0, 100).join("")}`);
  }
  return [...answered].map(([output, character]) => [character, output]).sort(([, one], [, other]) => one - other);
}

/** The characters and class names of an alphabet, and those characters that only a named one brings in. */
function charactersOf(given, classes, outputOf, { named, meant, all }) {
  const wanted = [], implied = new Set();
  for (const term of termsOf(given, outputOf.has("+"))) {
    const word = term.toLowerCase();
    const close = own(meant, word) ?? closest(word, Object.keys(named));
    if (own(named, word)) {
      for (const character of named[word]) {
        wanted.push(character);
        implied.add(character);
      }
    } else if ([...term].length > 1 && classes.includes(term)) wanted.push(term);
    else if (close) throw new Error(`no alphabet '${term}'; did you mean ${close}?`);
    else if (all.includes(word)) throw new Error(`no alphabet '${term}'; give none, and all characters are allowed`);
    else
      for (const character of ranges(term)) {
        wanted.push(character);
        implied.delete(character);
      }
  }
  return [wanted, implied];
}

const own = (object, key) => (Object.hasOwn(object, key) ? object[key] : undefined);

/** What + or a space joins; to a model that knows +, one that is not between letters or digits is itself. */
function termsOf(given, knowsPlus) {
  const joined = knowsPlus
    ? given.replace(/(?<=[\p{L}\p{N}_])\+(?=[\p{L}\p{N}_])/gu, " ").replaceAll("+", " + ")
    : given.replaceAll("+", " ");
  const terms = joined.split(" ").filter(Boolean);
  return terms.length ? terms : ["+"];
}

/** 0-9A-F as characters; a minus at either end is itself. */
function ranges(term) {
  const given = [...term], found = [];
  for (let at = 0; at < given.length; at++)
    if (given[at + 1] === "-" && at + 2 < given.length) {
      found.push(...range(given[at], given[at + 2]));
      at += 2;
    } else found.push(given[at]);
  return found;
}

function range(first, last) {
  const [from, to] = [first, last].map((one) => one.codePointAt(0));
  if (from <= to && to - from <= 500) return Array.from({ length: to - from + 1 }, (_, k) => String.fromCodePoint(from + k));
  let instead = from > to ? `give it as ${shown(last)}-${shown(first)}` : "give fewer characters";
  if (/^[a-z]$/.test(first) && /^[A-Z]$/.test(last)) instead = `give it as ${first}-z+A-${last}`;
  throw new Error(`${shown(first)}-${shown(last)} is no range of characters; ${instead}`);
}

/** For a message: what cannot be seen as its code, long names cut. */
function shown(character) {
  if (/[\p{C}\p{Z}]/u.test(character)) return [...character].map((one) => `U+${one.codePointAt(0).toString(16)}`).join(" ");
  return character.length <= 40 ? character : `${character.slice(0, 39)}…`;
}

/** The word that is most like one, at least by 0.8 as Python's difflib tells it. */
function closest(word, words) {
  const like = (other) => (2 * common(other, word)) / (other.length + word.length);
  const [best] = [...words].sort((one, other) => like(other) - like(one));
  return like(best) >= 0.8 ? best : undefined;
}

/** How many letters two words share, in their order: of the longest part that both have, and of what is on its sides. */
function common(one, other) {
  let most = 0, at = 0, there = 0;
  for (let i = 0; i < one.length; i++)
    for (let j = 0; j < other.length; j++) {
      let n = 0;
      while (i + n < one.length && one[i + n] === other[j + n]) n++;
      if (n > most) [most, at, there] = [n, i, j];
    }
  if (!most) return 0;
  return most + common(one.slice(0, at), other.slice(0, there)) + common(one.slice(at + most), other.slice(there + most));
}
