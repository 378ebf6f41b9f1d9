// Where a passage stands among the pieces of text that a PDF's page is drawn of.
//
// The passage was read by another program: its spaces, hyphens at line ends, ligatures and accents may differ, running
// heads may be left out, columns may come in another order. So letters and digits alone are compared, decomposed and
// in lower case; what is not found as a whole is looked for in pieces.

const KEPT = /[\p{L}\p{N}]/u;
const SEED = 10; // letters: a piece that is shorter stands for nothing
const ENOUGH = 0.4; // share of the passage that must be found
const BRIDGED = 3; // letters between two pieces that are taken as one
const CLOSING = /^[.,;:!?…)\]»”"'’%]+/;

// The letters of a text, and for each the number of its character in it and that character's length.
function squeezed(text) {
  let letters = "";
  const places = [];
  let at = 0;
  for (const character of text) {
    for (const part of character.normalize("NFKD").toLowerCase())
      if (KEPT.test(part)) {
        letters += part;
        for (let unit = 0; unit < part.length; unit++) places.push([at, at + character.length]);
      }
    at += character.length;
  }
  return { letters, places };
}

function nearest(whole, part, expected) {
  let best = -1;
  for (let at = whole.indexOf(part); at >= 0; at = whole.indexOf(part, at + 1))
    if (best < 0 || Math.abs(at - expected) < Math.abs(best - expected)) best = at;
  return best;
}

function inPieces(whole, passage, expected) {
  const found = [];
  let covered = 0;
  let last = expected;
  for (let from = 0; from + SEED <= passage.length; ) {
    const seed = passage.slice(from, from + SEED);
    let best = null;
    for (let at = whole.indexOf(seed); at >= 0; at = whole.indexOf(seed, at + 1)) {
      let length = SEED;
      while (from + length < passage.length && whole[at + length] === passage[from + length]) length++;
      const closer = best && length === best.length && Math.abs(at - last) < Math.abs(best.at - last);
      if (!best || length > best.length || closer) best = { at, length };
    }
    if (best) {
      found.push([best.at, best.at + best.length]);
      covered += best.length;
      last = best.at + best.length;
    }
    from += best ? best.length : 1;
  }
  return covered >= ENOUGH * passage.length ? joined(found) : [];
}

function joined(ranges) {
  const made = [];
  for (const [start, end] of ranges.sort((one, other) => one[0] - other[0])) {
    const before = made.at(-1);
    if (before && start - before[1] <= BRIDGED) before[1] = Math.max(before[1], end);
    else made.push([start, end]);
  }
  return made;
}

// The parts of `pieces` (strings, in the order in which they are drawn) that make up the passage, as lists of
// [start, end] by the piece's number; null if it is not there. `before` and `after`: the page's text around it, by which
// the right one is told of several.
export function placesOf(pieces, before, passage, after) {
  let whole = "";
  const homes = [];
  pieces.forEach((piece, number) => {
    const { letters, places } = squeezed(piece);
    whole += letters;
    for (const place of places) homes.push([number, ...place]);
  });
  const wanted = squeezed(passage).letters;
  if (!wanted) return null;
  const lead = squeezed(before).letters.length;
  const all = lead + wanted.length + squeezed(after).letters.length;
  const expected = (lead / all) * whole.length;
  const at = nearest(whole, wanted, expected);
  const ranges = at >= 0 ? [[at, at + wanted.length]] : inPieces(whole, wanted, expected);
  if (!ranges.length) return null;

  const made = new Map();
  const add = (number, from, to) => {
    if (!made.has(number)) made.set(number, []);
    if (to > from) made.get(number).push([from, to]);
  };
  for (const [start, end] of ranges)
    for (let letter = start; letter < end; ) {
      const number = homes[letter][0];
      // What stands between two pieces has no letters: signs and spaces of the same passage.
      if (letter > start)
        for (let between = homes[letter - 1][0] + 1; between < number; between++) add(between, 0, pieces[between].length);
      let last = letter;
      while (last + 1 < end && homes[last + 1][0] === number) last++;
      const piece = pieces[number];
      const from = letter > start ? 0 : homes[letter][1];
      let to = homes[last][2];
      // A sign that closes the sentence belongs to it; what goes on in the next piece has this one to its end.
      to += last + 1 < end ? piece.length - to : (piece.slice(to).match(CLOSING)?.[0].length ?? 0);
      add(number, from, to);
      letter = last + 1;
    }
  return made;
}
